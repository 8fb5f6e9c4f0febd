import { CODE, CURSOR, REDEMPTION_ID, USER } from '../../../records/story.js';
import { commandExamples } from './commands.generated.js';
import type { ExampleTable } from './example.js';

const entry = {
  commitSeq: '3-1041',
  event: 'coupon.redeemed',
  at: '2026-06-08T08:01:12.456Z',
  code: CODE,
  userId: USER,
  by: '019abe5b-0a10-7b6e-8f21-4d5c3b2a1908',
  requestId: 'checkout-4711',
  redemptionId: REDEMPTION_ID,
  detail: { redemptionCount: 1, metadata: { orderId: 'A-1001' } },
};

export const couponExamples: ExampleTable = {
  ...commandExamples,
  getCodeHistory: {
    parameters: { code: CODE },
    answers: {
      200: {
        page: { summary: 'The newest entry; there are older ones', value: { items: [entry], nextCursor: CURSOR } },
      },
    },
  },
};
