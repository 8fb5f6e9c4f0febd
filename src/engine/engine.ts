/**
 * The two interfaces through which an HTTP thread uses the rest of Clipbook. `Engine` is the hot
 * path: commands and queries, decided by the shard threads. `Control` is everything else, done by
 * the main thread.
 */

import type { ReadColumn } from '../codes/csv-opening.js';
import type { UploadFormat, UploadShape } from '../codes/parse.js';
import type { Command, Origin, Query } from '../domain/command.js';
import type { BookId, Seq, ShardId } from '../domain/ids.js';
import type { Outcome, Refusal } from '../domain/outcome.js';
import type { BookStats, BookView, QueryResult } from '../domain/view.js';
import type { Account, EndedTokens, GenerateResult, HistoryEntry, Role } from '../postgres/store.js';
import {
  type PromotionUsageStats,
  type PromotionUse,
  type PromotionUsesAsked,
  type TimeRange,
  USAGE_GROUPINGS,
  type UsageBucket,
  type UsageCount,
  type UsageGroups,
  type UsageGroupsAsked,
  type UsageStatsAsked,
  type UsageSums,
} from '../postgres/usage.js';

/**
 * The engine can't decide now. Nothing was changed, unless `reason` is `outcomeUnknown`.
 */
export interface Unavailable {
  readonly kind: 'unavailable';
  readonly reason: 'overloaded' | 'recovering' | 'noRoom' | 'draining' | 'outcomeUnknown';
  readonly retryAfterMs: number;
}

/** A command that was accepted, or answered again for its idempotency key. */
export interface Done {
  readonly kind: 'done';
  readonly outcome: Outcome;
  readonly shard: ShardId;
  /** Sequence of the command's last event. */
  readonly seq: Seq;
  readonly replayed: boolean;
}

export type CommandReply = Done | Refusal | Unavailable;

// The types of accounts, views and history that an HTTP thread needs, exported here so that it
// imports nothing from lower layers.
export type {
  Account,
  BookStats,
  BookView,
  EndedTokens,
  HistoryEntry,
  PromotionUsageStats,
  PromotionUse,
  QueryResult,
  Role,
  TimeRange,
  UsageBucket,
  UsageCount,
  UsageGroups,
  UsageSums,
};
export { USAGE_GROUPINGS };

/** `durableSeq` is the sequence that the answer depends on. */
export type QueryReply =
  | { readonly kind: 'result'; readonly result: QueryResult; readonly shard: ShardId; readonly durableSeq: Seq }
  | Refusal
  | Unavailable;

export interface Engine {
  readonly shardCount: number;
  shardOfBook(bookId: BookId): ShardId;
  /**
   * A new id for a book; with a scope, in the shard that this scope always hashes to (so that a
   * repeated request finds its remembered key).
   */
  newBookId(scope: string | null): BookId;
  /** A new id in the shard of this one: a promotion is beside its campaign. */
  newIdBeside(id: string): string;
  /** Shards that may have this code, most often none or one. */
  shardsOf(code: string): readonly ShardId[];
  /**
   * Routed by the command's book or code. An unknown code goes to any shard. `reply` is called
   * exactly once, never before this returns.
   */
  command(command: Command, origin: Origin, reply: (reply: CommandReply) => void): void;
  /**
   * Takes back the command that was given with this `reply`, if it has not left this thread. The
   * newest command leaves no earlier than `setImmediate` after `command` was called. True: it will
   * not happen, and `reply` is never called.
   */
  withdraw(reply: (reply: CommandReply) => void): boolean;
  /** True while any request would be refused for want of room, so that it need not be read. */
  isFull(): boolean;
  /**
   * `shard` is needed for `listBooks` and `listUserCodes`, which ask one shard; the others are
   * routed by book or code.
   */
  query(query: Query, shard: ShardId | null, reply: (reply: QueryReply) => void): void;
}

export type { UploadFormat, UploadShape };

/** The result of a stream of codes. `errors` holds the first 100 with their line (1-based). */
export interface UploadReport {
  readonly received: number;
  readonly duplicates: number;
  readonly invalid: number;
  readonly errors: readonly { readonly line: number; readonly message: string }[];
  /** Null for formats without columns, and for generated codes. */
  readonly column: ReadColumn | null;
  /**
   * `NO_BATCH`: nothing was staged, because the idempotency key is remembered: its command is
   * answered without any codes.
   */
  readonly batchId: number;
  /** Of the batch. A repeated creation gets the book id of the first try. */
  readonly bookId: BookId;
  readonly size: number;
  readonly count: number;
}

/** No batch has this id. */
export const NO_BATCH = 0;

/** How a repeated upload is recognized. */
export interface UploadClaim {
  readonly idempotency: Origin['idempotency'];
  /** The same command creates its book. */
  readonly isCreation: boolean;
}

/** Caller and request id of an upload, by which it is found while it is under way. */
export interface UploadSender {
  readonly caller: string;
  readonly requestId: string;
}

/**
 * How far an upload is. `bytes` of its body were read. `received` and `loaded` are codes; `loaded`
 * may start again at 0 when codes exist already.
 */
export interface UploadProgress {
  readonly bookId: BookId;
  readonly phase: 'receiving' | 'loading';
  readonly bytes: number;
  readonly received: number;
  readonly loaded: number;
  readonly startedMs: number;
}

/** Codes that were made and staged. `keyspaceBits` is log2 of the pattern's possibilities. */
export interface Generated {
  readonly batchId: number;
  readonly size: number;
  readonly count: number;
  readonly keyspace: string;
  readonly keyspaceBits: number;
}

/**
 * The state of a batch after the reply to its command. `dropped`: it is not live and never will be,
 * or no command was sent.
 */
export type BatchEnd = 'live' | 'dropped' | 'unknown';

/** Why a call of `Control` failed; each reason has a status (answer-writer.ts). */
export type ControlReason =
  /** PostgreSQL is not available; nothing was changed. */
  | 'unavailable'
  /** The journal has no room; nothing was changed. */
  | 'noRoom'
  /** This process no longer owns the shards; nothing was changed. */
  | 'draining'
  /** The connection to PostgreSQL broke during a change, which may have been made. */
  | 'outcomeUnknown'
  /** The request can't be fulfilled in this form. */
  | 'invalid'
  | 'tooMany'
  | 'keyReused'
  /** The body of an upload is not JSON. */
  | 'malformed'
  /** It is JSON, but the field at `path` is invalid. */
  | 'invalidField';

/** A failure that maps to an answer. */
export class ControlError extends Error {
  override readonly name = 'ControlError';
  readonly reason: ControlReason;
  /** Of `invalidField`. */
  readonly path: string;
  constructor(reason: ControlReason, message: string, path = '') {
    super(message);
    this.reason = reason;
    this.path = path;
  }
}

export type JobStatus = 'processing' | 'completed' | 'failed' | 'cancelled';

export interface Job {
  readonly jobId: string;
  readonly kind: string;
  readonly status: JobStatus;
  /** Codes made so far, of `total`. */
  readonly done: number;
  readonly total: number;
  readonly startedMs: number;
  readonly finishedMs: number | null;
  readonly error: string | null;
  /** Of a completed one. */
  readonly result: GenerateResult | null;
}

export type { GenerateResult };

interface GenerateAsked {
  readonly bookId: BookId;
  readonly pattern: string;
  readonly quantity: number;
  readonly origin: Origin;
}

export interface ShardVerdict {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly codes: number;
  readonly digest: string;
  /**
   * Whether the journal is complete, so that the state was rebuilt from it alone too.
   */
  readonly fromNothing: boolean;
  /** The first difference, as a sentence; null: there is none. */
  readonly difference: string | null;
}

/** How far a verification is; `verdicts` in the order of the shards. */
export interface Verification {
  readonly id: string;
  readonly status: 'processing' | 'completed' | 'failed';
  readonly shardCount: number;
  readonly verdicts: readonly ShardVerdict[];
  readonly error: string | null;
}

export interface Readiness {
  readonly ready: boolean;
  readonly parts: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

/** Every method may reject with `ControlError`. */
export interface Control {
  /** Null for an unknown email and for a wrong password, in the same time. */
  signIn(email: string, password: string): Promise<Account | null>;
  createUser(email: string, password: string, role: Role): Promise<Account | null>;
  accountById(id: string): Promise<Account | null>;
  /** Waits until the projection has passed `dependsOn`. */
  history(
    shard: ShardId,
    code: string,
    dependsOn: Seq,
    beforeSeq: Seq | null,
    limit: number,
  ): Promise<readonly HistoryEntry[]>;
  /** Waits until the projection has passed `dependsOn`. */
  usageStats(asked: UsageStatsAsked, dependsOn: Seq): Promise<PromotionUsageStats>;
  /** Waits until the projection has passed all that is durable now. */
  usageGroups(asked: UsageGroupsAsked): Promise<UsageGroups>;
  /** The newest first. Waits until the projection of this shard has passed `dependsOn`. */
  promotionUses(asked: PromotionUsesAsked, shard: ShardId, dependsOn: Seq): Promise<readonly PromotionUse[]>;
  /**
   * Takes counts of validations and applications, to be written at once. Resolves before they are.
   */
  countUsage(counts: readonly UsageCount[]): Promise<void>;
  /**
   * The shard where a product is; for a new one it is this shard, until `settleProduct`, which has
   * to follow in any case.
   */
  homeOfProduct(productId: string, shard: ShardId): Promise<ShardId>;
  /** `isThere`: the product has a stock now. Resolves when every HTTP thread finds it. */
  settleProduct(productId: string, isThere: boolean): Promise<void>;
  uploadBegin(bookId: BookId, shape: UploadShape, sender: UploadSender): Promise<number>;
  /** Takes the bytes over. Resolves when more is wanted. */
  uploadChunk(uploadId: number, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /**
   * The rows are staged; the caller makes them live with a command. `settleBatch` has to follow in
   * any case.
   */
  uploadEnd(uploadId: number, claim: UploadClaim): Promise<UploadReport>;
  uploadAbort(uploadId: number): Promise<void>;
  /**
   * Null: no upload of this sender is under way. Of several with one request id, the one that began
   * last.
   */
  uploadProgress(sender: UploadSender): Promise<UploadProgress | null>;
  /**
   * Stages generated codes, all that were asked for; `settleBatch` has to follow in any case. Null:
   * the idempotency key is remembered, so a command with it is answered without any codes.
   */
  generate(asked: GenerateAsked): Promise<Generated | null>;
  /**
   * Releases the other resources of a staged batch. Resolves when that is done, or will be tried
   * again.
   */
  settleBatch(batchId: number, end: BatchEnd): Promise<void>;
  /**
   * Begins a job that generates codes. `replayed`: the idempotency key had begun this job before.
   */
  generateJob(asked: GenerateAsked): Promise<{ readonly job: Job; readonly replayed: boolean }>;
  job(jobId: string): Promise<Job | null>;
  /**
   * Resolves when the job has ended: cancelled, unless it ended in another way before. A cancelled
   * job leaves nothing behind.
   */
  cancelJob(jobId: string): Promise<Job | null>;
  /**
   * Begins to compare memory, journal and PostgreSQL, unless that is under way; returns the
   * progress.
   */
  verify(): Promise<Verification>;
  /** Null: not the last one. */
  verification(id: string): Promise<Verification | null>;
  readiness(): Promise<Readiness>;
  metrics(): Promise<string>;
}
