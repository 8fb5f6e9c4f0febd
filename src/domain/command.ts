/**
 * Commands and queries to one shard. Commands are verbs; they are validated and authorized before
 * they get here.
 */
import type { Command } from '../records/commands.generated.js';
import type { StagedBatch } from '../records/objects.js';
import type { FlashQuery } from './flash-views.js';
import type { BookId, Seq } from './ids.js';
import type { PromotionQuery } from './promotion-views.js';

export type { Command, StagedBatch };

/** Who asks, under which request, and with which idempotency key. */
export interface Origin {
  readonly caller: string;
  readonly requestId: string;
  readonly idempotency: { readonly key: string; readonly fingerprint: number } | null;
}

export type CodeStatus = 'available' | 'assigned' | 'locked' | 'redeemed';

export type Query =
  /** What the command would come to now, without a change. Routed as the command is. */
  | { readonly kind: 'dryRun'; readonly command: Command }
  | PromotionQuery
  | FlashQuery
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
