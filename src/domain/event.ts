/**
 * Events: what was decided, complete. Replay applies them and never decides again, so an event names
 * the code that was drawn, the times, the ids and the resulting counts.
 *
 * One accepted command makes one `Change`: all of its events become durable together or not at all.
 */
import type { OpenBatch } from './batch.js';
import type { Book } from './book.js';
import type { BookId, Seq } from './ids.js';
import type { Outcome } from './outcome.js';

/**
 * What every event of one code carries. `index` is the code's place in its shard, given once by `codesAdded`
 * and never changed. `prevSeq` chains a code's events, newest to oldest; 0 ends it.
 */
interface OfCode {
  readonly bookId: BookId;
  readonly index: number;
  readonly code: string;
  readonly userId: string;
  readonly prevSeq: Seq;
}

export type DomainEvent =
  | { readonly kind: 'bookCreated'; readonly book: Book }
  | { readonly kind: 'bookUpdated'; readonly book: Book }
  | { readonly kind: 'bookArchived'; readonly book: Book }
  | CodesAdded
  | BatchOpened
  /** An open batch will never be live: its rows may go, and its codes may come again. */
  | { readonly kind: 'batchGivenUp'; readonly bookId: BookId; readonly batchId: number }
  /** Nothing changed, but the success has to be remembered for its idempotency key. */
  | { readonly kind: 'noted'; readonly bookId: BookId }
  | ({ readonly kind: 'codeAssigned'; readonly atMs: number } & OfCode)
  | ({ readonly kind: 'codeUnassigned'; readonly reason: string | null } & OfCode)
  /** A renewal is the same event with the same `lockId` and a later `untilMs`. */
  | ({ readonly kind: 'codeLocked'; readonly lockId: number; readonly untilMs: number } & OfCode)
  | ({ readonly kind: 'codeUnlocked'; readonly lockId: number } & OfCode)
  | ({ readonly kind: 'leaseExpired'; readonly lockId: number } & OfCode)
  /** Ends the code's lease, if it has one. `redemptionCount` is the count after it. */
  | ({
      readonly kind: 'codeRedeemed';
      readonly redemptionId: string;
      readonly atMs: number;
      readonly redemptionCount: number;
      readonly metadata: Readonly<Record<string, unknown>> | null;
    } & OfCode)
  /** `userId` is the user whose redemption it was; `redemptionCount` is the count after it. */
  | ({
      readonly kind: 'redemptionRolledBack';
      readonly redemptionId: string;
      readonly redemptionCount: number;
      readonly reason: string | null;
    } & OfCode);

/**
 * The intent to add codes. It is journaled before any row of the batch is committed, so the journal of the book's shard
 * alone decides what a row belongs to: a batch that is open, live or given up. The book need not be there yet.
 */
export interface BatchOpened extends OpenBatch {
  readonly kind: 'batchOpened';
}

/**
 * A batch of codes goes live. Its rows are in the store already, under `batchId`, each with an
 * `ordinal` in `0 .. size - 1`; the code with ordinal n gets index `firstIndex + n` in the shard.
 * Ordinals may have holes (duplicates that were left out), so `count <= size`.
 */
export interface CodesAdded {
  readonly kind: 'codesAdded';
  readonly bookId: BookId;
  readonly batchId: number;
  readonly firstIndex: number;
  readonly size: number;
  readonly count: number;
}

export type CodeEvent = Extract<DomainEvent, { readonly code: string }>;

/** One accepted command: its events, and who asked for them. The unit of the journal and of the audit. */
export interface Change {
  /** Sequence of `events[0]`; the others follow without a gap. */
  readonly firstSeq: Seq;
  readonly atMs: number;
  readonly bookId: BookId;
  /** The authenticated subject, or `"system"` for what Clipbook does by itself (expiry of leases). */
  readonly caller: string;
  readonly requestId: string;
  readonly events: readonly DomainEvent[];
  /** Present when the command carried an idempotency key. */
  readonly remembered: Remembered | null;
}

/** A success that is to be answered again, word for word, when its key comes again. */
export interface Remembered {
  readonly key: string;
  /** 53-bit hash of the request; another request with the same key is refused. */
  readonly fingerprint: number;
  readonly outcome: Outcome;
}

export function lastSeqOf(change: Change): Seq {
  return (change.firstSeq + change.events.length - 1) as Seq;
}
