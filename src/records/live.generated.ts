/**
 * The events that live clients see.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { LiveOptions, SnapshotMethod } from './declare.js';
import type { Form } from './fields.js';

export interface LiveDeclaration {
  readonly kind: string;
  /** In the column `changes.kind`. */
  readonly number: number;
  /** The name that clients see. */
  readonly name: string;
  readonly live: LiveOptions;
  /** The form of each of its fields. */
  readonly fields: Readonly<Record<string, Form>>;
  /** The fields that the audit row keeps in `detail`. */
  readonly detail: readonly string[];
  readonly snapshot: SnapshotMethod | null;
}

export const liveDeclarations: readonly LiveDeclaration[] = [
  {
    kind: 'codeAssigned',
    number: 6,
    name: 'coupon.assigned',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: { bookId: 'bookId', index: 'count', code: 'code', userId: 'subject', prevSeq: 'seq', atMs: 'time' },
    detail: [],
    snapshot: null,
  },
  {
    kind: 'codeUnassigned',
    number: 7,
    name: 'coupon.unassigned',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: { bookId: 'bookId', index: 'count', code: 'code', userId: 'subject', prevSeq: 'seq', reason: 'textOrNull' },
    detail: ['reason'],
    snapshot: null,
  },
  {
    kind: 'codeLocked',
    number: 8,
    name: 'coupon.locked',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: {
      bookId: 'bookId',
      index: 'count',
      code: 'code',
      userId: 'subject',
      prevSeq: 'seq',
      lockId: 'integer',
      untilMs: 'time',
    },
    detail: [],
    snapshot: null,
  },
  {
    kind: 'codeUnlocked',
    number: 9,
    name: 'coupon.unlocked',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: { bookId: 'bookId', index: 'count', code: 'code', userId: 'subject', prevSeq: 'seq', lockId: 'integer' },
    detail: [],
    snapshot: null,
  },
  {
    kind: 'leaseExpired',
    number: 10,
    name: 'coupon.lock_expired',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: { bookId: 'bookId', index: 'count', code: 'code', userId: 'subject', prevSeq: 'seq', lockId: 'integer' },
    detail: [],
    snapshot: null,
  },
  {
    kind: 'codeRedeemed',
    number: 11,
    name: 'coupon.redeemed',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: {
      bookId: 'bookId',
      index: 'count',
      code: 'code',
      userId: 'subject',
      prevSeq: 'seq',
      redemptionId: 'redemptionId',
      atMs: 'time',
      redemptionCount: 'count',
      metadata: 'jsonOrNull',
    },
    detail: ['metadata'],
    snapshot: null,
  },
  {
    kind: 'redemptionRolledBack',
    number: 12,
    name: 'coupon.rolled_back',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: {
      bookId: 'bookId',
      index: 'count',
      code: 'code',
      userId: 'subject',
      prevSeq: 'seq',
      redemptionId: 'redemptionId',
      redemptionCount: 'count',
      reason: 'textOrNull',
    },
    detail: ['reason'],
    snapshot: null,
  },
  {
    kind: 'bookCreated',
    number: 1,
    name: 'book.created',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: { book: 'record' },
    detail: ['book.version', 'book.settings'],
    snapshot: 'bookChanged',
  },
  {
    kind: 'bookUpdated',
    number: 2,
    name: 'book.updated',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: { book: 'record' },
    detail: ['book.version', 'book.settings'],
    snapshot: 'bookChanged',
  },
  {
    kind: 'bookArchived',
    number: 3,
    name: 'book.archived',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: { book: 'record' },
    detail: ['book.version', 'book.settings'],
    snapshot: 'bookChanged',
  },
  {
    kind: 'codesAdded',
    number: 4,
    name: 'codes.added',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: { bookId: 'bookId', batchId: 'integer', firstIndex: 'count', size: 'count', count: 'count' },
    detail: ['batchId', 'size', 'count'],
    snapshot: 'batchWentLive',
  },
  {
    kind: 'promotionCreated',
    number: 15,
    name: 'promotion.created',
    live: { topics: ['promotion', 'campaign'], seenBy: 'staff' },
    fields: { promotion: 'json' },
    detail: ['promotion'],
    snapshot: 'promotionChanged',
  },
  {
    kind: 'promotionUpdated',
    number: 16,
    name: 'promotion.updated',
    live: { topics: ['promotion', 'campaign'], seenBy: 'staff' },
    fields: { promotion: 'json' },
    detail: ['promotion'],
    snapshot: 'promotionChanged',
  },
  {
    kind: 'promotionArchived',
    number: 17,
    name: 'promotion.archived',
    live: { topics: ['promotion', 'campaign'], seenBy: 'staff' },
    fields: { promotion: 'json' },
    detail: ['promotion'],
    snapshot: 'promotionChanged',
  },
  {
    kind: 'reservationMade',
    number: 20,
    name: 'promotion.reserved',
    live: { topics: ['promotion', 'campaign', 'user'], seenBy: 'owner' },
    fields: {
      campaignId: 'campaignId',
      reservationId: 'text',
      caller: 'caller',
      userId: 'subjectOrNull',
      cartId: 'textOrNull',
      orderId: 'textOrNull',
      cart: 'json',
      replaced: 'jsonOrNull',
      madeMs: 'time',
      untilMs: 'instantOrNull',
    },
    detail: ['reservationId', 'cartId', 'orderId', 'cart', 'replaced'],
    snapshot: 'reservationMade',
  },
  {
    kind: 'reservationCommitted',
    number: 22,
    name: 'promotion.used',
    live: { topics: ['promotion', 'campaign', 'user'], seenBy: 'owner' },
    fields: {
      campaignId: 'campaignId',
      reservationId: 'text',
      userId: 'subjectOrNull',
      amounts: 'json',
      orderId: 'textOrNull',
      committedMs: 'time',
    },
    detail: ['reservationId', 'amounts', 'orderId'],
    snapshot: 'reservationCommitted',
  },
  {
    kind: 'reservationReleased',
    number: 23,
    name: 'promotion.released',
    live: { topics: ['promotion', 'campaign', 'user'], seenBy: 'owner' },
    fields: { campaignId: 'campaignId', reservationId: 'text', userId: 'subjectOrNull', amounts: 'json' },
    detail: ['reservationId', 'amounts'],
    snapshot: 'reservationEnded',
  },
  {
    kind: 'reservationExpired',
    number: 24,
    name: 'promotion.released',
    live: { topics: ['promotion', 'campaign', 'user'], seenBy: 'owner' },
    fields: { campaignId: 'campaignId', reservationId: 'text', userId: 'subjectOrNull', amounts: 'json' },
    detail: ['reservationId', 'amounts'],
    snapshot: 'reservationEnded',
  },
  {
    kind: 'reservationRolledBack',
    number: 25,
    name: 'promotion.rolled_back',
    live: { topics: ['promotion', 'campaign', 'user'], seenBy: 'owner' },
    fields: {
      campaignId: 'campaignId',
      reservationId: 'text',
      userId: 'subjectOrNull',
      amounts: 'json',
      givenBack: 'json',
      isWhole: 'boolean',
      reason: 'textOrNull',
    },
    detail: ['reservationId', 'amounts', 'givenBack', 'isWhole', 'reason'],
    snapshot: 'reservationRolledBack',
  },
];
