/**
 * Events as rows of the projection; projection-batch.ts describes how they are used.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { Change, CodeEvent } from '../../domain/event.js';
import type { DomainEvent } from '../../records/events.generated.js';
import type { Seq, ShardId } from '../../records/ids.js';
import { unknownRecord } from '../../records/unknown.js';
import type { RowBuffer } from '../copy/row-buffer.js';
import {
  type AppendedRows,
  type CodeUpdate,
  type SnapshotChanges,
  TOUCHES_COUNT,
  TOUCHES_LEASE,
  TOUCHES_USER,
} from './code-update.js';

/** Writes the event's row in `changes`. */
export function writeAudit(rows: RowBuffer, shard: ShardId, seq: number, change: Change, event: DomainEvent): void {
  rows.row(15);
  switch (event.kind) {
    case 'codeAssigned':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(6);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.null();
      return;
    case 'codeUnassigned':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(7);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.textOrNull(event.reason === null ? null : JSON.stringify({ reason: event.reason }));
      return;
    case 'codeLocked':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(8);
      rows.null();
      rows.int8(event.lockId);
      rows.int8(event.untilMs);
      rows.uuid(event.bookId);
      rows.null();
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.null();
      return;
    case 'codeUnlocked':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(9);
      rows.null();
      rows.int8(event.lockId);
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.null();
      return;
    case 'leaseExpired':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(10);
      rows.null();
      rows.int8(event.lockId);
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.null();
      return;
    case 'codeRedeemed':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(11);
      rows.int4(event.redemptionCount);
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.uuid(event.redemptionId);
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.textOrNull(event.metadata === null ? null : JSON.stringify({ metadata: event.metadata }));
      return;
    case 'redemptionRolledBack':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.int8OrNull(event.prevSeq > 0 ? event.prevSeq : null);
      rows.int2(shard);
      rows.int2(12);
      rows.int4(event.redemptionCount);
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.uuid(event.redemptionId);
      rows.text(event.code);
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.textOrNull(event.reason === null ? null : JSON.stringify({ reason: event.reason }));
      return;
    case 'bookCreated':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(1);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.book.id);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ version: event.book.version, settings: event.book.settings }));
      return;
    case 'bookUpdated':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(2);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.book.id);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ version: event.book.version, settings: event.book.settings }));
      return;
    case 'bookArchived':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(3);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.book.id);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ version: event.book.version, settings: event.book.settings }));
      return;
    case 'codesAdded':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(4);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ batchId: event.batchId, size: event.size, count: event.count }));
      return;
    case 'noted':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(5);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.scopeId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.null();
      return;
    case 'batchOpened':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(13);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ batchId: event.batchId, content: event.content }));
      return;
    case 'batchGivenUp':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(14);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ batchId: event.batchId }));
      return;
    case 'promotionCreated':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(15);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.promotion.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ promotion: event.promotion }));
      return;
    case 'promotionUpdated':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(16);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.promotion.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ promotion: event.promotion }));
      return;
    case 'promotionArchived':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(17);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.promotion.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ promotion: event.promotion }));
      return;
    case 'codeClaimed':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(18);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ batchId: event.batchId, claimedCode: event.claimedCode }));
      return;
    case 'codeFreed':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(19);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ batchId: event.batchId }));
      return;
    case 'reservationMade':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(20);
      rows.null();
      rows.null();
      rows.int8OrNull(event.untilMs);
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.textOrNull(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(
        JSON.stringify({
          reservationId: event.reservationId,
          cartId: event.cartId,
          orderId: event.orderId,
          cart: event.cart,
          replaced: event.replaced,
        }),
      );
      return;
    case 'reservationRenewed':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(21);
      rows.null();
      rows.null();
      rows.int8(event.untilMs);
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ reservationId: event.reservationId }));
      return;
    case 'reservationCommitted':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(22);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.textOrNull(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ reservationId: event.reservationId, amounts: event.amounts, orderId: event.orderId }));
      return;
    case 'reservationReleased':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(23);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.textOrNull(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ reservationId: event.reservationId, amounts: event.amounts }));
      return;
    case 'reservationExpired':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(24);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.textOrNull(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ reservationId: event.reservationId, amounts: event.amounts }));
      return;
    case 'reservationRolledBack':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(25);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.textOrNull(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(
        JSON.stringify({
          reservationId: event.reservationId,
          amounts: event.amounts,
          givenBack: event.givenBack,
          isWhole: event.isWhole,
          reason: event.reason,
        }),
      );
      return;
    case 'bookJoinedCampaign':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(26);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.bookId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ campaignId: event.campaignId }));
      return;
    case 'reservedCodesRedeemed':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(27);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ reservationId: event.reservationId, redemptionIds: event.redemptionIds }));
      return;
    case 'stockInitialized':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(28);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.stock.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ stock: event.stock }));
      return;
    case 'stockChanged':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(29);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.stock.campaignId);
      rows.null();
      rows.null();
      rows.null();
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ stock: event.stock }));
      return;
    case 'orderPlaced':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(30);
      rows.null();
      rows.null();
      rows.int8OrNull(event.untilMs);
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ productId: event.productId, orderId: event.orderId, round: event.round }));
      return;
    case 'orderConfirmed':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(31);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ productId: event.productId, orderId: event.orderId }));
      return;
    case 'orderFulfilled':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(32);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ productId: event.productId, orderId: event.orderId }));
      return;
    case 'orderCancelled':
      rows.int8(seq);
      rows.int8(change.atMs);
      rows.null();
      rows.int2(shard);
      rows.int2(33);
      rows.null();
      rows.null();
      rows.null();
      rows.uuid(event.campaignId);
      rows.null();
      rows.null();
      rows.text(event.userId);
      rows.text(change.caller);
      rows.text(change.requestId);
      rows.text(JSON.stringify({ productId: event.productId, orderId: event.orderId, isExpired: event.isExpired }));
      return;
    default:
      unknownRecord(event);
  }
}

/** Applies the event to the update of its code's row in the snapshot. */
export function foldInto(update: CodeUpdate, event: CodeEvent): void {
  switch (event.kind) {
    case 'codeAssigned':
      update.touches |= TOUCHES_USER;
      update.userId = event.userId;
      update.assignedMs = event.atMs;
      return;
    case 'codeUnassigned':
      update.touches |= TOUCHES_USER;
      update.userId = null;
      update.assignedMs = null;
      return;
    case 'codeLocked':
      update.touches |= TOUCHES_LEASE;
      update.lockId = event.lockId;
      update.lockedUntilMs = event.untilMs;
      return;
    case 'codeUnlocked':
      update.touches |= TOUCHES_LEASE;
      update.lockId = null;
      update.lockedUntilMs = null;
      return;
    case 'leaseExpired':
      update.touches |= TOUCHES_LEASE;
      update.lockId = null;
      update.lockedUntilMs = null;
      return;
    case 'codeRedeemed':
      update.touches |= TOUCHES_LEASE | TOUCHES_COUNT;
      update.lockId = null;
      update.lockedUntilMs = null;
      update.redemptionCount = event.redemptionCount;
      return;
    case 'redemptionRolledBack':
      update.touches |= TOUCHES_COUNT;
      update.redemptionCount = event.redemptionCount;
      return;
    default:
      unknownRecord(event);
  }
}

/** Writes the other rows that the event appends, and changes the rest of the snapshot. */
export function writeOthers(
  tables: AppendedRows,
  snapshot: SnapshotChanges,
  shard: ShardId,
  seq: Seq,
  event: DomainEvent,
): void {
  switch (event.kind) {
    case 'codeRedeemed': {
      const rows = tables.redemptions;
      rows.row(6);
      rows.int8(seq);
      rows.int8(event.atMs);
      rows.int4(event.index);
      rows.int2(shard);
      rows.uuid(event.redemptionId);
      rows.text(event.userId);
      return;
    }
    case 'redemptionRolledBack': {
      const rows = tables.rollbacks;
      rows.row(3);
      rows.int8(seq);
      rows.int2(shard);
      rows.uuid(event.redemptionId);
      return;
    }
    case 'bookCreated':
      snapshot.bookChanged(shard, seq, event);
      return;
    case 'bookUpdated':
      snapshot.bookChanged(shard, seq, event);
      return;
    case 'bookArchived':
      snapshot.bookChanged(shard, seq, event);
      return;
    case 'codesAdded':
      snapshot.batchWentLive(shard, seq, event);
      return;
    case 'batchOpened':
      snapshot.batchOpened(shard, seq, event);
      return;
    case 'batchGivenUp':
      snapshot.batchGivenUp(shard, seq, event);
      return;
    case 'promotionCreated':
      snapshot.promotions.promotionChanged(shard, seq, event);
      return;
    case 'promotionUpdated':
      snapshot.promotions.promotionChanged(shard, seq, event);
      return;
    case 'promotionArchived':
      snapshot.promotions.promotionChanged(shard, seq, event);
      return;
    case 'codeClaimed':
      snapshot.codeClaimed(shard, seq, event);
      return;
    case 'codeFreed':
      snapshot.codeFreed(shard, seq, event);
      return;
    case 'reservationMade':
      snapshot.promotions.reservationMade(shard, seq, event);
      return;
    case 'reservationRenewed':
      snapshot.promotions.reservationRenewed(shard, seq, event);
      return;
    case 'reservationCommitted':
      snapshot.promotions.reservationCommitted(shard, seq, event);
      return;
    case 'reservationReleased':
      snapshot.promotions.reservationEnded(shard, seq, event);
      return;
    case 'reservationExpired':
      snapshot.promotions.reservationEnded(shard, seq, event);
      return;
    case 'reservationRolledBack':
      snapshot.promotions.reservationRolledBack(shard, seq, event);
      return;
    case 'bookJoinedCampaign':
      snapshot.promotions.bookJoinedCampaign(shard, seq, event);
      return;
    case 'reservedCodesRedeemed':
      snapshot.promotions.reservedCodesRedeemed(shard, seq, event);
      return;
    case 'stockInitialized':
      snapshot.flash.stockChanged(shard, seq, event);
      return;
    case 'stockChanged':
      snapshot.flash.stockChanged(shard, seq, event);
      return;
    case 'orderPlaced': {
      const rows = tables.orders;
      rows.row(8);
      rows.uuid(event.orderId);
      rows.int2(shard);
      rows.int8(seq);
      rows.text(event.productId);
      rows.int4(event.round);
      rows.text(event.userId);
      rows.text(event.key);
      rows.int8OrNull(event.untilMs);
      return;
    }
    case 'orderConfirmed':
      snapshot.flash.orderMoved(shard, seq, event);
      return;
    case 'orderFulfilled':
      snapshot.flash.orderMoved(shard, seq, event);
      return;
    case 'orderCancelled':
      snapshot.flash.orderMoved(shard, seq, event);
      return;
    case 'codeAssigned':
    case 'codeUnassigned':
    case 'codeLocked':
    case 'codeUnlocked':
    case 'leaseExpired':
    case 'noted':
      return;
    default:
      unknownRecord(event);
  }
}
