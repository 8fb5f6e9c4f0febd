/** All examples, by operation id. An older path shows those of the operation that replaces it. */
import { bookExamples } from './books.js';
import { campaignExamples } from './campaigns.js';
import { checkoutExamples } from './checkout.js';
import { codeExamples } from './codes.js';
import { couponExamples } from './coupons.js';
import type { ExampleTable, OperationExamples } from './example.js';
import { flashExamples } from './flash.js';
import { liveExamples } from './live.js';
import { operationExamples } from './operation.js';
import { promotionStatsExamples } from './promotion-stats.js';
import { promotionExamples } from './promotions.js';
import { userExamples } from './users.js';

export const EXAMPLES: ExampleTable = {
  ...bookExamples,
  ...codeExamples,
  ...couponExamples,
  ...promotionExamples,
  ...promotionStatsExamples,
  ...checkoutExamples,
  ...campaignExamples,
  ...flashExamples,
  ...userExamples,
  ...liveExamples,
  ...operationExamples,
};

export function examplesOf(id: string, replacedBy: string | undefined): OperationExamples {
  return { ...(replacedBy === undefined ? {} : EXAMPLES[replacedBy]), ...EXAMPLES[id] };
}
