/**
 * Which function decides a command, and which one applies an event.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { Command } from '../domain/command.js';
import type { Decision } from '../domain/decision.js';
import type { DomainEvent } from '../domain/event.js';
import type { Refusal } from '../domain/outcome.js';
import type { Random } from '../domain/random.js';
import { unknownRecord } from '../records/unknown.js';
import { applyCodeAssigned, decideAssignCode, decideAssignRandom } from './coupons/assign.js';
import {
  applyBatchGivenUp,
  applyBatchOpened,
  applyCodesAdded,
  decideAddCodes,
  decideGiveUpBatch,
  decideOpenBatch,
} from './coupons/batches.js';
import {
  applyBookArchived,
  applyBookCreated,
  applyBookUpdated,
  decideArchiveBook,
  decideCreateBook,
  decideUpdateBook,
} from './coupons/books.js';
import { applyCodeClaimed, applyCodeFreed } from './coupons/claims.js';
import {
  applyCodeLocked,
  applyCodeUnlocked,
  applyLeaseExpired,
  decideLockCode,
  decideUnlockCode,
} from './coupons/lock.js';
import { applyCodeRedeemed, decideRedeemCode } from './coupons/redeem.js';
import { applyRedemptionRolledBack, decideRollbackRedemption } from './coupons/rollback.js';
import { applyCodeUnassigned, decideUnassignCode } from './coupons/unassign.js';
import { applyOrderPlaced, decidePlaceOrder } from './flash/order.js';
import {
  applyOrderCancelled,
  applyOrderConfirmed,
  applyOrderFulfilled,
  decideCancelOrder,
  decideConfirmOrder,
  decideFulfilOrder,
} from './flash/orders.js';
import {
  applyStockChanged,
  applyStockInitialized,
  decideAdjustStock,
  decideInitStock,
  decidePauseStock,
} from './flash/stock.js';
import { applyBookJoinedCampaign } from './promotions/book-discounts.js';
import {
  applyPromotionArchived,
  applyPromotionCreated,
  applyPromotionUpdated,
  decideArchivePromotion,
  decideCreatePromotion,
  decideStopCampaign,
  decideUpdatePromotion,
} from './promotions/manage.js';
import {
  applyReservationCommitted,
  applyReservationExpired,
  applyReservationReleased,
  applyReservationRenewed,
  applyReservationRolledBack,
  applyReservedCodesRedeemed,
  decideCommitReservation,
  decideReleaseReservation,
  decideRenewReservation,
  decideRollbackReservation,
} from './promotions/reservations.js';
import { applyReservationMade, decideReserve } from './promotions/reserve.js';
import { decideUsePromotion } from './promotions/use.js';
import type { ShardState } from './shard-state.js';

export function decideCommand(state: ShardState, command: Command, nowMs: number, random: Random): Decision | Refusal {
  switch (command.kind) {
    case 'assignRandom':
      return decideAssignRandom(state.coupons, command, nowMs, random);
    case 'assignCode':
      return decideAssignCode(state.coupons, command, nowMs);
    case 'lockCode':
      return decideLockCode(state.coupons, command, nowMs);
    case 'unlockCode':
      return decideUnlockCode(state.coupons, command, nowMs);
    case 'redeemCode':
      return decideRedeemCode(state.coupons, command, nowMs, random);
    case 'unassignCode':
      return decideUnassignCode(state.coupons, command, nowMs);
    case 'placeOrder':
      return decidePlaceOrder(state.flash, command, nowMs, random);
    case 'reserve':
      return decideReserve(state.promotions, command, nowMs, random);
    case 'openBatch':
      return decideOpenBatch(state.coupons, command, nowMs);
    case 'giveUpBatch':
      return decideGiveUpBatch(state.coupons, command);
    case 'addCodes':
      return decideAddCodes(state.coupons, command);
    case 'createBook':
      return decideCreateBook(state.coupons, command, nowMs);
    case 'updateBook':
      return decideUpdateBook(state.coupons, command, nowMs);
    case 'archiveBook':
      return decideArchiveBook(state.coupons, command, nowMs);
    case 'rollbackRedemption':
      return decideRollbackRedemption(state.coupons, command);
    case 'confirmOrder':
      return decideConfirmOrder(state.flash, command);
    case 'fulfilOrder':
      return decideFulfilOrder(state.flash, command);
    case 'cancelOrder':
      return decideCancelOrder(state.flash, command);
    case 'initStock':
      return decideInitStock(state.flash, command, nowMs);
    case 'adjustStock':
      return decideAdjustStock(state.flash, command, nowMs);
    case 'pauseStock':
      return decidePauseStock(state.flash, command, nowMs);
    case 'createPromotion':
      return decideCreatePromotion(state.promotions, command, nowMs);
    case 'updatePromotion':
      return decideUpdatePromotion(state.promotions, command, nowMs);
    case 'archivePromotion':
      return decideArchivePromotion(state.promotions, command, nowMs);
    case 'stopCampaign':
      return decideStopCampaign(state.promotions, command, nowMs);
    case 'commitReservation':
      return decideCommitReservation(state.promotions, command, nowMs, random);
    case 'releaseReservation':
      return decideReleaseReservation(state.promotions, command);
    case 'renewReservation':
      return decideRenewReservation(state.promotions, command, nowMs);
    case 'rollbackReservation':
      return decideRollbackReservation(state.promotions, command, nowMs);
    case 'usePromotion':
      return decideUsePromotion(state.promotions, command, nowMs, random);
  }
}

export function applyEvent(state: ShardState, event: DomainEvent): void {
  switch (event.kind) {
    case 'codeAssigned':
      applyCodeAssigned(state.coupons, event);
      return;
    case 'codeUnassigned':
      applyCodeUnassigned(state.coupons, event);
      return;
    case 'codeLocked':
      applyCodeLocked(state.coupons, event);
      return;
    case 'codeUnlocked':
      applyCodeUnlocked(state.coupons, event);
      return;
    case 'leaseExpired':
      applyLeaseExpired(state.coupons, event);
      return;
    case 'codeRedeemed':
      applyCodeRedeemed(state.coupons, event);
      return;
    case 'redemptionRolledBack':
      applyRedemptionRolledBack(state.coupons, event);
      return;
    case 'bookCreated':
      applyBookCreated(state.coupons, event);
      return;
    case 'bookUpdated':
      applyBookUpdated(state.coupons, event);
      return;
    case 'bookArchived':
      applyBookArchived(state.coupons, event);
      return;
    case 'codesAdded':
      applyCodesAdded(state.coupons, event);
      return;
    case 'batchOpened':
      applyBatchOpened(state.coupons, event);
      return;
    case 'batchGivenUp':
      applyBatchGivenUp(state.coupons, event);
      return;
    case 'promotionCreated':
      applyPromotionCreated(state.promotions, event);
      return;
    case 'promotionUpdated':
      applyPromotionUpdated(state.promotions, event);
      return;
    case 'promotionArchived':
      applyPromotionArchived(state.promotions, event);
      return;
    case 'codeClaimed':
      applyCodeClaimed(state.coupons, event);
      return;
    case 'codeFreed':
      applyCodeFreed(state.coupons, event);
      return;
    case 'reservationMade':
      applyReservationMade(state.promotions, event);
      return;
    case 'reservationRenewed':
      applyReservationRenewed(state.promotions, event);
      return;
    case 'reservationCommitted':
      applyReservationCommitted(state.promotions, event);
      return;
    case 'reservationReleased':
      applyReservationReleased(state.promotions, event);
      return;
    case 'reservationExpired':
      applyReservationExpired(state.promotions, event);
      return;
    case 'reservationRolledBack':
      applyReservationRolledBack(state.promotions, event);
      return;
    case 'bookJoinedCampaign':
      applyBookJoinedCampaign(state.promotions, event);
      return;
    case 'reservedCodesRedeemed':
      applyReservedCodesRedeemed(state.promotions, event);
      return;
    case 'stockInitialized':
      applyStockInitialized(state.flash, event);
      return;
    case 'stockChanged':
      applyStockChanged(state.flash, event);
      return;
    case 'orderPlaced':
      applyOrderPlaced(state.flash, event);
      return;
    case 'orderConfirmed':
      applyOrderConfirmed(state.flash, event);
      return;
    case 'orderFulfilled':
      applyOrderFulfilled(state.flash, event);
      return;
    case 'orderCancelled':
      applyOrderCancelled(state.flash, event);
      return;
    case 'noted':
      // The kernel makes it, and it changes nothing.
      return;
    default:
      unknownRecord(event);
  }
}
