/**
 * The events that live clients see.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { LiveOptions, SnapshotMethod } from '../../records/declare.js';

export interface LiveDeclaration {
  readonly kind: string;
  /** In the column `changes.kind`. */
  readonly number: number;
  /** The name that clients see. */
  readonly name: string;
  readonly live: LiveOptions;
  /** The names of its fields. */
  readonly fields: readonly string[];
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
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'atMs'],
    detail: [],
    snapshot: null,
  },
  {
    kind: 'codeUnassigned',
    number: 7,
    name: 'coupon.unassigned',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'reason'],
    detail: ['reason'],
    snapshot: null,
  },
  {
    kind: 'codeLocked',
    number: 8,
    name: 'coupon.locked',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'lockId', 'untilMs'],
    detail: [],
    snapshot: null,
  },
  {
    kind: 'codeUnlocked',
    number: 9,
    name: 'coupon.unlocked',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'lockId'],
    detail: [],
    snapshot: null,
  },
  {
    kind: 'leaseExpired',
    number: 10,
    name: 'coupon.lock_expired',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'lockId'],
    detail: [],
    snapshot: null,
  },
  {
    kind: 'codeRedeemed',
    number: 11,
    name: 'coupon.redeemed',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'redemptionId', 'atMs', 'redemptionCount', 'metadata'],
    detail: ['metadata'],
    snapshot: null,
  },
  {
    kind: 'redemptionRolledBack',
    number: 12,
    name: 'coupon.rolled_back',
    live: { topics: ['book', 'code', 'user'], seenBy: 'owner' },
    fields: ['bookId', 'index', 'code', 'userId', 'prevSeq', 'redemptionId', 'redemptionCount', 'reason'],
    detail: ['reason'],
    snapshot: null,
  },
  {
    kind: 'bookCreated',
    number: 1,
    name: 'book.created',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: ['book'],
    detail: ['book.version', 'book.settings'],
    snapshot: 'bookChanged',
  },
  {
    kind: 'bookUpdated',
    number: 2,
    name: 'book.updated',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: ['book'],
    detail: ['book.version', 'book.settings'],
    snapshot: 'bookChanged',
  },
  {
    kind: 'bookArchived',
    number: 3,
    name: 'book.archived',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: ['book'],
    detail: ['book.version', 'book.settings'],
    snapshot: 'bookChanged',
  },
  {
    kind: 'codesAdded',
    number: 4,
    name: 'codes.added',
    live: { topics: ['book'], seenBy: 'staff' },
    fields: ['bookId', 'batchId', 'firstIndex', 'size', 'count'],
    detail: ['batchId', 'size', 'count'],
    snapshot: 'batchWentLive',
  },
];
