/** Reads, of the kernel and of all features. */
import type { Query } from '../domain/command.js';
import type { Refusal } from '../domain/outcome.js';
import type { QueryResult } from '../domain/view.js';
import { queryCoupons } from './coupons/queries.js';
import { dryRun } from './dry-run.js';
import { queryFlash } from './flash/queries.js';
import { queryPromotions, viewOfPromotion } from './promotions/queries.js';
import type { ShardState } from './shard-state.js';

export function query(state: ShardState, asked: Query, nowMs: number): QueryResult | Refusal {
  switch (asked.kind) {
    case 'dryRun':
      return dryRun(state, asked.command, nowMs);
    case 'isKeyRemembered': {
      const { caller, bookId, isCreation, key } = asked;
      const scope = isCreation ? null : bookId;
      return { kind: 'answer', isTrue: state.remembered.find(caller, scope, key, nowMs) !== null };
    }
    // Unique codes and the codes of promotions share one namespace.
    case 'getCode': {
      const promotion = state.promotions.byCode(asked.code);
      if (promotion !== undefined) return { kind: 'promotion', view: viewOfPromotion(promotion) };
      return queryCoupons(state.coupons, asked, nowMs);
    }
    case 'getPromotion':
    case 'getReservation':
    case 'quote':
    case 'neededConditions':
    case 'listPromotions':
    case 'getCampaign':
    case 'listCampaigns':
    case 'endingPlans':
    case 'productPromotions':
    case 'qualify':
    case 'findReservation':
      return queryPromotions(state.promotions, asked, nowMs);
    case 'getStock':
    case 'getOrder':
    case 'listOrders':
      return queryFlash(state.flash, asked);
    case 'getBook':
    case 'listBooks':
    case 'getStats':
    case 'listCodes':
    case 'listUserCodes':
    case 'batchFate':
    case 'listOpenBatches':
      return queryCoupons(state.coupons, asked, nowMs);
  }
}
