/** Commands and queries: what a caller asks of one shard. Verbs; validated and authorized before they get here. */

import type { BatchContent } from './batch.js';
import type { BookSettings } from './book.js';
import type { BookId, Seq } from './ids.js';

export type Command =
  | {
      readonly kind: 'createBook';
      readonly bookId: BookId;
      readonly settings: BookSettings;
      readonly codes: StagedBatch | null;
    }
  | {
      readonly kind: 'updateBook';
      readonly bookId: BookId;
      readonly patch: Partial<BookSettings>;
      readonly ifVersion: IfVersion;
    }
  | { readonly kind: 'archiveBook'; readonly bookId: BookId; readonly ifVersion: IfVersion }
  | { readonly kind: 'addCodes'; readonly bookId: BookId; readonly codes: StagedBatch }
  /**
   * The intent to add codes; the shard chooses the batch's id. A batch that the same caller opened with the same key, and that is
   * open still, is the answer where there is one. The key is not the command's own: it stays with the batch.
   */
  | {
      readonly kind: 'openBatch';
      readonly bookId: BookId;
      readonly caller: string;
      readonly key: string | null;
      readonly fingerprint: number | null;
      readonly content: BatchContent;
    }
  /** A batch that is live stays live. */
  | { readonly kind: 'giveUpBatch'; readonly bookId: BookId; readonly batchId: number }
  | { readonly kind: 'assignRandom'; readonly bookId: BookId; readonly userId: string }
  | { readonly kind: 'assignCode'; readonly code: string; readonly userId: string }
  | { readonly kind: 'lockCode'; readonly code: string; readonly userId: string; readonly ttlMs: number | null }
  | { readonly kind: 'unlockCode'; readonly code: string; readonly userId: string; readonly lockId: number | null }
  | {
      readonly kind: 'redeemCode';
      readonly code: string;
      readonly userId: string;
      readonly lockId: number | null;
      readonly metadata: Readonly<Record<string, unknown>> | null;
    }
  | {
      readonly kind: 'rollbackRedemption';
      readonly code: string;
      readonly redemptionId: string;
      readonly reason: string | null;
    }
  | { readonly kind: 'unassignCode'; readonly code: string; readonly reason: string | null };

/** The book has to be in one of these versions; null: in any. */
export type IfVersion = readonly number[] | null;

/**
 * Codes that are in the store (and loaded into the shard) but not live yet.
 * `report` is what the caller is to be told of them when they are.
 */
export interface StagedBatch {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly report: Readonly<Record<string, unknown>>;
}

/** Who asks, under which request, and with which idempotency key. */
export interface Origin {
  readonly caller: string;
  readonly requestId: string;
  readonly idempotency: { readonly key: string; readonly fingerprint: number } | null;
}

export type CodeStatus = 'available' | 'assigned' | 'locked' | 'redeemed';

export type Query =
  | { readonly kind: 'getBook'; readonly bookId: BookId }
  /** Books of this shard in id order after `afterId`. */
  | {
      readonly kind: 'listBooks';
      readonly afterId: string | null;
      readonly limit: number;
      readonly isActive: boolean | null;
      /** Case-insensitive part of the name. */
      readonly name: string | null;
    }
  | { readonly kind: 'getStats'; readonly bookId: BookId }
  | { readonly kind: 'getCode'; readonly code: string }
  /** Codes of a book in index order after `afterIndex` (-1: from the first). */
  | {
      readonly kind: 'listCodes';
      readonly bookId: BookId;
      readonly status: CodeStatus | null;
      readonly afterIndex: number;
      readonly limit: number;
    }
  /** Codes of a user in this shard, in index order after `afterIndex`. */
  | {
      readonly kind: 'listUserCodes';
      readonly userId: string;
      readonly bookId: BookId | null;
      readonly status: CodeStatus | null;
      readonly afterIndex: number;
      readonly limit: number;
    }
  /** What has become of a batch. Its book need not be there. */
  | { readonly kind: 'batchFate'; readonly bookId: BookId; readonly batchId: number }
  /** All open batches of this shard. */
  | { readonly kind: 'listOpenBatches' }
  /** Whether an idempotency key is remembered: of this book, or of a creation in its shard. */
  | {
      readonly kind: 'isKeyRemembered';
      readonly bookId: BookId;
      readonly isCreation: boolean;
      readonly caller: string;
      readonly key: string;
    };

/** The whole state of one code. Times are Unix ms. */
export interface CodeView {
  readonly code: string;
  readonly bookId: BookId;
  readonly status: CodeStatus;
  readonly userId: string | null;
  readonly assignedMs: number | null;
  readonly lockId: number | null;
  readonly lockedUntilMs: number | null;
  readonly redemptionCount: number;
  /** Of the last redemption that stands. */
  readonly redeemedMs: number | null;
  readonly remaining: number | null;
  readonly lastSeq: Seq;
}
