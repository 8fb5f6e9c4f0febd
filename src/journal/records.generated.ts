/**
 * Events and outcomes in the payload of a journal entry; codec.ts describes the form.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { DomainEvent } from '../records/events.generated.js';
import type { OrderView, Stock, StockView } from '../records/flash.js';
import type { BookId, CampaignId, ScopeId, Seq } from '../records/ids.js';
import type { Outcome } from '../records/outcomes.generated.js';
import type {
  BookOffer,
  GivenBack,
  Promotion,
  PromotionAmounts,
  PromotionView,
  RedemptionIds,
  ReservationView,
  ReservedCart,
} from '../records/promotions.js';
import { unknownRecord } from '../records/unknown.js';
import type { Book, BookCounts, BookSettings, OpenBatch } from '../records/values.generated.js';
import { decodeBatchContent, encodeBatchContent } from './batch-content.js';
import type { FieldReader, FieldWriter } from './payload-fields.js';

/** `atMs` is the time of the change. */
export function encodeEvent(out: FieldWriter, value: DomainEvent, atMs: number): void {
  switch (value.kind) {
    case 'codeAssigned':
      out.number(5);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.time(value.atMs, atMs);
      return;
    case 'codeUnassigned':
      out.number(6);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.textOrNull(value.reason);
      return;
    case 'codeLocked':
      out.number(7);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.number(value.lockId);
      out.time(value.untilMs, atMs);
      return;
    case 'codeUnlocked':
      out.number(8);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.number(value.lockId);
      return;
    case 'leaseExpired':
      out.number(9);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.number(value.lockId);
      return;
    case 'codeRedeemed':
      out.number(10);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.redemption(value.redemptionId);
      out.time(value.atMs, atMs);
      out.number(value.redemptionCount);
      out.json(value.metadata);
      return;
    case 'redemptionRolledBack':
      out.number(11);
      out.name(value.bookId);
      out.number(value.index);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.prevSeq);
      out.redemption(value.redemptionId);
      out.number(value.redemptionCount);
      out.textOrNull(value.reason);
      return;
    case 'bookCreated':
      out.number(0);
      encodeBook(out, value.book);
      return;
    case 'bookUpdated':
      out.number(1);
      encodeBook(out, value.book);
      return;
    case 'bookArchived':
      out.number(2);
      encodeBook(out, value.book);
      return;
    case 'codesAdded':
      out.number(3);
      out.name(value.bookId);
      out.number(value.batchId);
      out.number(value.firstIndex);
      out.number(value.size);
      out.number(value.count);
      return;
    case 'noted':
      out.number(4);
      out.name(value.scopeId);
      return;
    case 'batchOpened':
      out.number(12);
      out.number(value.batchId);
      out.name(value.bookId);
      out.caller(value.caller);
      out.textOrNull(value.key);
      out.numberOrNull(value.fingerprint);
      out.time(value.openedMs, atMs);
      encodeBatchContent(out, value.content);
      return;
    case 'batchGivenUp':
      out.number(13);
      out.name(value.bookId);
      out.number(value.batchId);
      return;
    case 'promotionCreated':
      out.number(14);
      out.json(value.promotion);
      return;
    case 'promotionUpdated':
      out.number(15);
      out.json(value.promotion);
      return;
    case 'promotionArchived':
      out.number(16);
      out.json(value.promotion);
      return;
    case 'codeClaimed':
      out.number(17);
      out.name(value.bookId);
      out.number(value.batchId);
      out.text(value.claimedCode);
      return;
    case 'codeFreed':
      out.number(18);
      out.name(value.bookId);
      out.number(value.batchId);
      return;
    case 'reservationMade':
      out.number(19);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.caller(value.caller);
      out.subjectOrNull(value.userId);
      out.textOrNull(value.cartId);
      out.textOrNull(value.orderId);
      out.json(value.cart);
      out.json(value.replaced);
      out.time(value.madeMs, atMs);
      out.numberOrNull(value.untilMs);
      return;
    case 'reservationRenewed':
      out.number(20);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.time(value.untilMs, atMs);
      return;
    case 'reservationCommitted':
      out.number(21);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.subjectOrNull(value.userId);
      out.json(value.amounts);
      out.textOrNull(value.orderId);
      out.time(value.committedMs, atMs);
      return;
    case 'reservationReleased':
      out.number(22);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.subjectOrNull(value.userId);
      out.json(value.amounts);
      return;
    case 'reservationExpired':
      out.number(23);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.subjectOrNull(value.userId);
      out.json(value.amounts);
      return;
    case 'reservationRolledBack':
      out.number(24);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.subjectOrNull(value.userId);
      out.json(value.amounts);
      out.json(value.givenBack);
      out.boolean(value.isWhole);
      out.textOrNull(value.reason);
      return;
    case 'bookJoinedCampaign':
      out.number(25);
      out.name(value.bookId);
      out.name(value.campaignId);
      return;
    case 'reservedCodesRedeemed':
      out.number(26);
      out.name(value.campaignId);
      out.text(value.reservationId);
      out.json(value.redemptionIds);
      return;
    case 'stockInitialized':
      out.number(27);
      out.json(value.stock);
      return;
    case 'stockChanged':
      out.number(28);
      out.json(value.stock);
      return;
    case 'orderPlaced':
      out.number(29);
      out.name(value.campaignId);
      out.text(value.productId);
      out.redemption(value.orderId);
      out.subject(value.userId);
      out.text(value.key);
      out.number(value.round);
      out.numberOrNull(value.untilMs);
      return;
    case 'orderConfirmed':
      out.number(30);
      out.name(value.campaignId);
      out.text(value.productId);
      out.redemption(value.orderId);
      out.subject(value.userId);
      return;
    case 'orderFulfilled':
      out.number(31);
      out.name(value.campaignId);
      out.text(value.productId);
      out.redemption(value.orderId);
      out.subject(value.userId);
      return;
    case 'orderCancelled':
      out.number(32);
      out.name(value.campaignId);
      out.text(value.productId);
      out.redemption(value.orderId);
      out.subject(value.userId);
      out.boolean(value.isExpired);
      return;
    default:
      unknownRecord(value);
  }
}

export function decodeEvent(from: FieldReader, atMs: number): DomainEvent {
  const number = from.integer();
  switch (number) {
    case 5:
      return {
        kind: 'codeAssigned',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        atMs: from.time(atMs),
      };
    case 6:
      return {
        kind: 'codeUnassigned',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        reason: from.textOrNull(),
      };
    case 7:
      return {
        kind: 'codeLocked',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        lockId: from.integer(),
        untilMs: from.time(atMs),
      };
    case 8:
      return {
        kind: 'codeUnlocked',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        lockId: from.integer(),
      };
    case 9:
      return {
        kind: 'leaseExpired',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        lockId: from.integer(),
      };
    case 10:
      return {
        kind: 'codeRedeemed',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        redemptionId: from.name(),
        atMs: from.time(atMs),
        redemptionCount: from.integer(),
        metadata: from.jsonOrNull(),
      };
    case 11:
      return {
        kind: 'redemptionRolledBack',
        bookId: from.name() as BookId,
        index: from.integer(),
        code: from.name(),
        userId: from.subject(),
        prevSeq: from.integer() as Seq,
        redemptionId: from.name(),
        redemptionCount: from.integer(),
        reason: from.textOrNull(),
      };
    case 0:
      return { kind: 'bookCreated', book: decodeBook(from) };
    case 1:
      return { kind: 'bookUpdated', book: decodeBook(from) };
    case 2:
      return { kind: 'bookArchived', book: decodeBook(from) };
    case 3:
      return {
        kind: 'codesAdded',
        bookId: from.name() as BookId,
        batchId: from.integer(),
        firstIndex: from.integer(),
        size: from.integer(),
        count: from.integer(),
      };
    case 4:
      return { kind: 'noted', scopeId: from.name() as ScopeId };
    case 12:
      return {
        kind: 'batchOpened',
        batchId: from.integer(),
        bookId: from.name() as BookId,
        caller: from.caller(),
        key: from.textOrNull(),
        fingerprint: from.integerOrNull(),
        openedMs: from.time(atMs),
        content: decodeBatchContent(from),
      };
    case 13:
      return { kind: 'batchGivenUp', bookId: from.name() as BookId, batchId: from.integer() };
    case 14:
      return { kind: 'promotionCreated', promotion: from.json() as unknown as Promotion };
    case 15:
      return { kind: 'promotionUpdated', promotion: from.json() as unknown as Promotion };
    case 16:
      return { kind: 'promotionArchived', promotion: from.json() as unknown as Promotion };
    case 17:
      return { kind: 'codeClaimed', bookId: from.name() as BookId, batchId: from.integer(), claimedCode: from.text() };
    case 18:
      return { kind: 'codeFreed', bookId: from.name() as BookId, batchId: from.integer() };
    case 19:
      return {
        kind: 'reservationMade',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        caller: from.caller(),
        userId: from.subjectOrNull(),
        cartId: from.textOrNull(),
        orderId: from.textOrNull(),
        cart: from.json() as unknown as ReservedCart,
        replaced: from.jsonOrNull() as PromotionAmounts | null,
        madeMs: from.time(atMs),
        untilMs: from.integerOrNull(),
      };
    case 20:
      return {
        kind: 'reservationRenewed',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        untilMs: from.time(atMs),
      };
    case 21:
      return {
        kind: 'reservationCommitted',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        userId: from.subjectOrNull(),
        amounts: from.json() as unknown as PromotionAmounts,
        orderId: from.textOrNull(),
        committedMs: from.time(atMs),
      };
    case 22:
      return {
        kind: 'reservationReleased',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        userId: from.subjectOrNull(),
        amounts: from.json() as unknown as PromotionAmounts,
      };
    case 23:
      return {
        kind: 'reservationExpired',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        userId: from.subjectOrNull(),
        amounts: from.json() as unknown as PromotionAmounts,
      };
    case 24:
      return {
        kind: 'reservationRolledBack',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        userId: from.subjectOrNull(),
        amounts: from.json() as unknown as PromotionAmounts,
        givenBack: from.json() as unknown as GivenBack,
        isWhole: from.boolean(),
        reason: from.textOrNull(),
      };
    case 25:
      return { kind: 'bookJoinedCampaign', bookId: from.name() as BookId, campaignId: from.name() as CampaignId };
    case 26:
      return {
        kind: 'reservedCodesRedeemed',
        campaignId: from.name() as CampaignId,
        reservationId: from.text(),
        redemptionIds: from.json() as unknown as RedemptionIds,
      };
    case 27:
      return { kind: 'stockInitialized', stock: from.json() as unknown as Stock };
    case 28:
      return { kind: 'stockChanged', stock: from.json() as unknown as Stock };
    case 29:
      return {
        kind: 'orderPlaced',
        campaignId: from.name() as CampaignId,
        productId: from.text(),
        orderId: from.name(),
        userId: from.subject(),
        key: from.text(),
        round: from.integer(),
        untilMs: from.integerOrNull(),
      };
    case 30:
      return {
        kind: 'orderConfirmed',
        campaignId: from.name() as CampaignId,
        productId: from.text(),
        orderId: from.name(),
        userId: from.subject(),
      };
    case 31:
      return {
        kind: 'orderFulfilled',
        campaignId: from.name() as CampaignId,
        productId: from.text(),
        orderId: from.name(),
        userId: from.subject(),
      };
    case 32:
      return {
        kind: 'orderCancelled',
        campaignId: from.name() as CampaignId,
        productId: from.text(),
        orderId: from.name(),
        userId: from.subject(),
        isExpired: from.boolean(),
      };
    default:
      throw new Error(`journal payload: unknown kind of event, number ${number}`);
  }
}

/** `atMs` is the time of the change. */
export function encodeOutcome(out: FieldWriter, value: Outcome, atMs: number): void {
  switch (value.kind) {
    case 'assigned':
      out.number(3);
      out.name(value.bookId);
      out.code(value.code);
      out.subject(value.userId);
      out.time(value.assignedMs, atMs);
      return;
    case 'locked':
      out.number(4);
      out.code(value.code);
      out.subject(value.userId);
      out.number(value.lockId);
      out.time(value.untilMs, atMs);
      return;
    case 'unlocked':
      out.number(5);
      out.code(value.code);
      out.subject(value.userId);
      return;
    case 'redeemed':
      out.number(6);
      out.code(value.code);
      out.subject(value.userId);
      out.redemption(value.redemptionId);
      out.time(value.redeemedMs, atMs);
      out.number(value.redemptionCount);
      out.numberOrNull(value.remaining);
      return;
    case 'rolledBack':
      out.number(7);
      out.code(value.code);
      out.redemption(value.redemptionId);
      out.number(value.redemptionCount);
      out.numberOrNull(value.remaining);
      return;
    case 'unassigned':
      out.number(8);
      out.name(value.bookId);
      out.code(value.code);
      return;
    case 'book':
      out.number(0);
      encodeBook(out, value.book);
      encodeBookCounts(out, value.counts);
      return;
    case 'archived':
      out.number(1);

      return;
    case 'codesAdded':
      out.number(2);
      out.number(value.total);
      out.json(value.report);
      return;
    case 'batchOpened':
      out.number(9);
      out.boolean(value.isNew);
      encodeOpenBatch(out, value.batch, atMs);
      return;
    case 'batchSettled':
      out.number(10);
      out.boolean(value.fate === 'live');
      return;
    case 'promotion':
      out.number(11);
      out.json(value.promotion);
      return;
    case 'promotionEnded':
      out.number(12);

      return;
    case 'reserved':
      out.number(13);
      out.text(value.reservationId);
      out.number(value.untilMs);
      out.text(value.quote);
      return;
    case 'reservation':
      out.number(14);
      out.json(value.reservation);
      return;
    case 'campaignStopped':
      out.number(15);
      out.number(value.stopped);
      return;
    case 'bookShown':
      out.number(16);
      encodeBook(out, value.book);
      encodeBookCounts(out, value.counts);
      out.json(value.offer);
      return;
    case 'stock':
      out.number(17);
      out.json(value.stock);
      return;
    case 'ordered':
      out.number(18);
      out.text(value.orderId);
      out.boolean(value.isDuplicate);
      return;
    case 'order':
      out.number(19);
      out.json(value.order);
      return;
    default:
      unknownRecord(value);
  }
}

export function decodeOutcome(from: FieldReader, atMs: number): Outcome {
  const number = from.integer();
  switch (number) {
    case 3:
      return {
        kind: 'assigned',
        bookId: from.name() as BookId,
        code: from.name(),
        userId: from.subject(),
        assignedMs: from.time(atMs),
      };
    case 4:
      return {
        kind: 'locked',
        code: from.name(),
        userId: from.subject(),
        lockId: from.integer(),
        untilMs: from.time(atMs),
      };
    case 5:
      return { kind: 'unlocked', code: from.name(), userId: from.subject() };
    case 6:
      return {
        kind: 'redeemed',
        code: from.name(),
        userId: from.subject(),
        redemptionId: from.name(),
        redeemedMs: from.time(atMs),
        redemptionCount: from.integer(),
        remaining: from.integerOrNull(),
      };
    case 7:
      return {
        kind: 'rolledBack',
        code: from.name(),
        redemptionId: from.name(),
        redemptionCount: from.integer(),
        remaining: from.integerOrNull(),
      };
    case 8:
      return { kind: 'unassigned', bookId: from.name() as BookId, code: from.name() };
    case 0:
      return { kind: 'book', book: decodeBook(from), counts: decodeBookCounts(from) };
    case 1:
      return { kind: 'archived' };
    case 2:
      return { kind: 'codesAdded', total: from.integer(), report: from.json() };
    case 9:
      return { kind: 'batchOpened', isNew: from.boolean(), batch: decodeOpenBatch(from, atMs) };
    case 10:
      return { kind: 'batchSettled', fate: from.boolean() ? 'live' : 'givenUp' };
    case 11:
      return { kind: 'promotion', promotion: from.json() as unknown as PromotionView };
    case 12:
      return { kind: 'promotionEnded' };
    case 13:
      return { kind: 'reserved', reservationId: from.text(), untilMs: from.integer(), quote: from.text() };
    case 14:
      return { kind: 'reservation', reservation: from.json() as unknown as ReservationView };
    case 15:
      return { kind: 'campaignStopped', stopped: from.integer() };
    case 16:
      return {
        kind: 'bookShown',
        book: decodeBook(from),
        counts: decodeBookCounts(from),
        offer: from.json() as unknown as BookOffer,
      };
    case 17:
      return { kind: 'stock', stock: from.json() as unknown as StockView };
    case 18:
      return { kind: 'ordered', orderId: from.text(), isDuplicate: from.boolean() };
    case 19:
      return { kind: 'order', order: from.json() as unknown as OrderView };
    default:
      throw new Error(`journal payload: unknown kind of outcome, number ${number}`);
  }
}

function encodeBook(out: FieldWriter, value: Book): void {
  out.name(value.id);
  out.number(value.version);
  out.number(value.createdMs);
  out.number(value.updatedMs);
  out.numberOrNull(value.archivedMs);
  encodeBookSettings(out, value.settings);
}

function decodeBook(from: FieldReader): Book {
  const id = from.name() as BookId;
  const version = from.integer();
  const createdMs = from.integer();
  const updatedMs = from.integer();
  const archivedMs = from.integerOrNull();
  const settings = decodeBookSettings(from);
  return { id, settings, version, createdMs, updatedMs, archivedMs };
}

function encodeBookSettings(out: FieldWriter, value: BookSettings): void {
  out.text(value.name);
  out.textOrNull(value.description);
  out.numberOrNull(value.startMs);
  out.numberOrNull(value.endMs);
  out.boolean(value.isActive);
  out.numberOrNull(value.maxCodesPerUser);
  out.numberOrNull(value.maxRedemptionsPerUser);
  out.boolean(value.allowMultipleRedemptions);
  out.numberOrNull(value.maxRedemptionsPerCode);
  out.textOrNull(value.codePattern);
  out.boolean(value.redeemableBy === 'bearer');
  out.boolean(value.requireLock);
  out.numberOrNull(value.lockTtlMs);
  out.json(value.metadata);
}

function decodeBookSettings(from: FieldReader): BookSettings {
  return {
    name: from.text(),
    description: from.textOrNull(),
    startMs: from.integerOrNull(),
    endMs: from.integerOrNull(),
    isActive: from.boolean(),
    maxCodesPerUser: from.integerOrNull(),
    maxRedemptionsPerUser: from.integerOrNull(),
    allowMultipleRedemptions: from.boolean(),
    maxRedemptionsPerCode: from.integerOrNull(),
    codePattern: from.textOrNull(),
    redeemableBy: from.boolean() ? 'bearer' : 'assignee',
    requireLock: from.boolean(),
    lockTtlMs: from.integerOrNull(),
    metadata: from.jsonOrNull(),
  };
}

function encodeBookCounts(out: FieldWriter, value: BookCounts): void {
  out.number(value.total);
  out.number(value.available);
  out.number(value.assigned);
  out.number(value.locked);
  out.number(value.redeemed);
  out.number(value.redemptions);
}

function decodeBookCounts(from: FieldReader): BookCounts {
  return {
    total: from.integer(),
    available: from.integer(),
    assigned: from.integer(),
    locked: from.integer(),
    redeemed: from.integer(),
    redemptions: from.integer(),
  };
}

function encodeOpenBatch(out: FieldWriter, value: OpenBatch, atMs: number): void {
  out.number(value.batchId);
  out.name(value.bookId);
  out.caller(value.caller);
  out.textOrNull(value.key);
  out.numberOrNull(value.fingerprint);
  out.time(value.openedMs, atMs);
  encodeBatchContent(out, value.content);
}

function decodeOpenBatch(from: FieldReader, atMs: number): OpenBatch {
  return {
    batchId: from.integer(),
    bookId: from.name() as BookId,
    caller: from.caller(),
    key: from.textOrNull(),
    fingerprint: from.integerOrNull(),
    openedMs: from.time(atMs),
    content: decodeBatchContent(from),
  };
}
