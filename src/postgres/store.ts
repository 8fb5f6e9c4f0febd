/**
 * The interface of PostgreSQL to the rest of Clipbook. Three users, each with connections of its
 * own: a shard thread loads (`SnapshotLoader`), the projector thread writes (`ProjectionWriter`),
 * and the main thread does what is neither hot nor decided in memory (`ControlStore`).
 */

import type { Change } from '../domain/event.js';
import type { BookId, CampaignId, ScopeId, Seq, ShardId } from '../domain/ids.js';
import type { Outcome } from '../domain/outcome.js';
import type { BatchContent, CounterRange } from '../records/batch-content.js';
import type { OrderStatus, Stock } from '../records/flash.js';
import type { GivenBack, Promotion, RedemptionIds, ReservationStatus, ReservedCart } from '../records/promotions.js';
import type { Book, OpenBatch } from '../records/values.generated.js';
import type { UsageStore } from './usage.js';

/**
 * Rows come in this order per load: checkpoints, books, open batches, live batches, codes,
 * redemptions, books of campaigns, promotions, reservations, stock, orders, remembered keys.
 */
export interface SnapshotSink {
  /** Called for every shard asked for. */
  checkpoint(shard: ShardId, row: CheckpointRow): void;
  book(shard: ShardId, book: Book): void;
  /** Before the promotions; of each book that belongs to a campaign. */
  bookOfCampaign(shard: ShardId, bookId: BookId, campaignId: CampaignId): void;
  openBatch(shard: ShardId, batch: OpenBatch): void;
  /** Live batches only, in `firstIndex` order. */
  batch(shard: ShardId, batch: BatchRow): void;
  /** A live batch whose one code is that of a promotion. */
  claim(shard: ShardId, batchId: number): void;
  /** `bytes.subarray(start, end)` is the code in ASCII; valid during the call only. */
  code(shard: ShardId, index: number, bytes: Uint8Array, start: number, end: number): void;
  /** Follows `code` for a code that is or was in use. */
  codeState(shard: ShardId, state: CodeStateRow): void;
  /** In the order in which they were made. */
  redemption(shard: ShardId, redemption: RedemptionRow): void;
  /** In the order in which they were made; so are reservations. */
  promotion(shard: ShardId, promotion: Promotion): void;
  reservation(shard: ShardId, row: ReservationRow): void;
  /** In the order in which they were made; so are orders. */
  stock(shard: ShardId, stock: Stock): void;
  order(shard: ShardId, row: OrderRow): void;
  remembered(shard: ShardId, row: RememberedRow): void;
}

export interface CheckpointRow {
  /** 0 where nothing was projected yet. */
  readonly seq: Seq;
  /** When the change at `seq` was decided; null where there is none yet. */
  readonly atMs: number | null;
  /** Of the journal's entry that ends at `seq`; null where it is not known. */
  readonly entryHash: Uint8Array | null;
  /** How many ids of batches the shard had given out. */
  readonly batchCounter: number;
}

export interface BatchRow {
  readonly batchId: number;
  readonly bookId: BookId;
  readonly firstIndex: number;
  readonly size: number;
  readonly count: number;
}

export interface ReservationRow {
  readonly id: string;
  readonly campaignId: CampaignId;
  readonly caller: string;
  readonly userId: string | null;
  readonly cartId: string | null;
  readonly orderId: string | null;
  readonly madeMs: number;
  readonly untilMs: number | null;
  readonly committedMs: number | null;
  readonly status: ReservationStatus;
  readonly cart: ReservedCart;
  readonly givenBack: GivenBack | null;
  readonly redemptionIds: RedemptionIds | null;
}

export interface OrderRow {
  readonly id: string;
  readonly productId: string;
  readonly round: number;
  readonly userId: string;
  readonly key: string;
  /** Until when it has to be confirmed, Unix ms; null: it does not. */
  readonly untilMs: number | null;
  readonly status: OrderStatus;
}

export interface CodeStateRow {
  readonly index: number;
  readonly userId: string | null;
  readonly assignedMs: number | null;
  readonly lockId: number | null;
  readonly lockedUntilMs: number | null;
  readonly redemptionCount: number;
  readonly lastSeq: Seq;
}

export interface RedemptionRow {
  readonly index: number;
  readonly redemptionId: string;
  readonly userId: string;
  readonly atMs: number;
  readonly rolledBack: boolean;
}

export interface RememberedRow {
  /** Null for the key of a book's creation. */
  readonly scopeId: ScopeId | null;
  readonly caller: string;
  readonly key: string;
  readonly fingerprint: number;
  readonly atMs: number;
  /** Sequence that the first answer carried as `Commit-Seq`. */
  readonly seq: Seq;
  readonly outcome: Outcome;
}

export interface SnapshotLoader {
  /**
   * One consistent snapshot of these shards (one REPEATABLE READ transaction), streamed into the
   * sink.
   */
  load(shards: readonly ShardId[], rememberedAfterMs: number, sink: SnapshotSink): Promise<void>;
  /**
   * The codes of one staged or live batch, by ordinal. Rejects with `BatchMissing` when the batch
   * is not there.
   */
  loadBatch(
    batch: Pick<BatchRow, 'batchId' | 'size'>,
    code: (ordinal: number, bytes: Uint8Array, start: number, end: number) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

export interface Checkpoint {
  readonly seq: Seq;
  /** Of the journal's entry that ends there (`hashOfEntry`); null where it is not known. */
  readonly entryHash: Uint8Array | null;
}

export interface ProjectionWriter {
  /** The checkpoint of each shard: everything through this sequence is in PostgreSQL. */
  checkpoints(): Promise<ReadonlyMap<ShardId, Checkpoint>>;
  /**
   * One transaction: the changes of one or more shards, in order, and the shards' new checkpoints.
   * Changes at or before a checkpoint are skipped, so a batch may be repeated after an error of
   * unknown outcome. `entryHashes`: of the journal's entry that each shard's changes end with; not
   * known where absent.
   */
  write(changes: ReadonlyMap<ShardId, Iterable<Change>>, entryHashes?: ReadonlyMap<ShardId, Uint8Array>): Promise<void>;
  /** Deletes remembered keys older than this. */
  sweep(rememberedBeforeMs: number): Promise<void>;
  close(): Promise<void>;
}

export type Role = 'admin' | 'service' | 'user';

export interface Account {
  readonly id: string;
  readonly email: string;
  readonly role: Role;
  /** Grows with each repair of the account; tokens name it. Absent: 0. */
  readonly generation?: number;
}

export interface AccountRow extends Account {
  readonly generation: number;
  readonly passwordHash: string;
  readonly createdMs: number;
  readonly isDisabled: boolean;
  /** This database takes its email for one of the seeded ones. */
  readonly isSeeded: boolean;
}

/**
 * Tokens that are not valid any more: those of an account that name a generation before this one;
 * null: all of them.
 */
export interface EndedTokens {
  readonly accountId: string;
  readonly before: number | null;
}

export interface AccountStore {
  /** Emails are compared without case, as the database does. */
  findAccount(email: string, seededEmails?: readonly string[]): Promise<AccountRow | null>;
  accountById(id: string): Promise<Account | null>;
  /** The oldest first. */
  listAccounts(seededEmails: readonly string[]): Promise<readonly AccountRow[]>;
  /** Null when the email is taken. */
  createAccount(email: string, role: Role, passwordHash: string): Promise<Account | null>;
  /** These are repairs: each ends the tokens that were issued before it. */
  setPassword(id: string, passwordHash: string): Promise<void>;
  setRole(id: string, role: Role): Promise<void>;
  setDisabled(id: string, isDisabled: boolean): Promise<void>;
}

export interface HistoryEntry {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly atMs: number;
  readonly event: string;
  readonly code: string;
  readonly userId: string | null;
  readonly caller: string;
  readonly requestId: string;
  readonly redemptionId: string | null;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/**
 * A batch that holds codes which another one brings. It is not live in PostgreSQL; its shard may
 * know better.
 */
export interface Holder {
  readonly batchId: number;
  readonly bookId: BookId;
}

/** Takes codes, a code a line. They are durable when `finish` resolves. */
export interface KeptWriter {
  write(lines: Uint8Array, count: number): Promise<void>;
  finish(): Promise<void>;
  abandon(): Promise<void>;
}

/** What staging asks of the shards, whose journals decide what a batch is. */
export interface BatchOwner {
  /**
   * The batch that an earlier try of the same request opened, if all of its rows are in; then no
   * other is needed. Null: there is none, or it was given up.
   */
  adopt(): Promise<Omit<Finished, 'duplicates'> | null>;
  /** Journals the intent of a batch. */
  open(content: BatchContent): Promise<number>;
  /**
   * Keeps the codes of a batch whose intent does not make them again, in the order of their
   * ordinals. Null where codes can't be kept.
   */
  keep(batchId: number, content: BatchContent): Promise<KeptWriter | null>;
  /** Journals the end of a batch that has no rows. */
  giveUp(batchId: number): Promise<void>;
  /**
   * Finds out what the holders are: removes those that were given up, waits a while for those that
   * are open, and says which are live, and which are open still or can't be known.
   */
  settle(holders: readonly Holder[]): Promise<{ readonly live: readonly number[]; readonly open: readonly number[] }>;
}

/** Codes of a batch that is neither live nor given up conflict with the new ones. */
export class CodesPending extends Error {
  override readonly name = 'CodesPending';
  constructor() {
    super('Some of these codes belong to an upload that has not ended.');
  }
}

export interface GeneratedCodes {
  /** Of what has been written so far. */
  content(): BatchContent;
  /**
   * Writes `missing` other codes with `writeRows`, in the place of those that exist. False when
   * there are none.
   */
  refill(missing: number): Promise<boolean>;
}

/**
 * Rows that are in and committed. `count` of them are new; `duplicates` came twice or are live,
 * here or in any book.
 */
export interface Finished {
  readonly batchId: number;
  readonly bookId: BookId;
  readonly size: number;
  readonly count: number;
  readonly duplicates: number;
}

/**
 * A batch being staged: rows go into PostgreSQL, invisible until a `codesAdded` event makes the
 * batch live.
 */
export interface Staging {
  /** Codes already normalized and valid. Resolves when more is wanted (back-pressure). */
  write(codes: readonly string[]): Promise<void>;
  /**
   * The same as bytes, a code a line, each with its newline: the text format of COPY. Takes the
   * bytes over.
   */
  writeRows(bytes: Uint8Array, count: number): Promise<void>;
  /**
   * Instead of all the others, for codes that are new and finished rows, and a batch that is open:
   * what `produce` writes are lines of COPY text with `code`, `batch_id` and `ordinal`, best in the
   * order of the code. Resolves with their number when they are in and committed, or with null when
   * one of them exists already; then nothing is in, and they can be written in the other way.
   */
  copyRows(
    batchId: number,
    produce: (write: (rows: Uint8Array<ArrayBuffer>) => Promise<void>) => Promise<void>,
  ): Promise<number | null>;
  /**
   * Opens the batch and puts the codes in. Codes that were uploaded and exist are left out; others
   * come in the place of generated ones. Rejects with `CodesPending` when it can't be known in time
   * whether an uploaded code exists.
   */
  finish(owner: BatchOwner, generated?: GeneratedCodes): Promise<Finished>;
  /**
   * How many rows `finish` has moved to their place so far. Starts again at 0 when it has to try
   * another way.
   */
  loaded(): number;
  /** Ends its connections: whatever is under way fails. What is committed stays. */
  abandon(): void;
}

export interface GenerateResult {
  readonly generatedCodes: number;
  /** Of the book, with these; null when that was not heard because of a restart. */
  readonly totalCodes: number | null;
  /** How many codes the pattern can make, in digits. */
  readonly keyspace: string;
  readonly keyspaceBits: number;
}

export type JobStatus = 'processing' | 'completed' | 'failed' | 'cancelled';

export interface JobRow {
  readonly id: string;
  readonly kind: string;
  readonly status: JobStatus;
  readonly done: number;
  readonly total: number;
  readonly startedMs: number;
  readonly finishedMs: number | null;
  /** Why it failed, for the one who asked. */
  readonly error: string | null;
  /** The data for resuming it, and its result. */
  readonly detail: { readonly plan?: unknown; readonly result?: GenerateResult };
  /** Of the request that came with an idempotency key. */
  readonly fingerprint: number | null;
}

/** The counters of one book's pattern and one key of the generator: `0 .. counterCount - 1`. */
export interface PatternCounters {
  readonly bookId: BookId;
  /** Canonical. */
  readonly pattern: string;
  readonly keyId: number;
  readonly counterCount: number;
}

/** `short`: there are too few, and nothing was changed; `unreserved` are those that are there. */
export type Reserved =
  | { readonly kind: 'reserved'; readonly ranges: readonly CounterRange[] }
  | { readonly kind: 'short'; readonly unreserved: readonly CounterRange[] };

/** What a batch left that is not known to be live or given up. */
export interface UnsettledBatch extends Holder {
  /** It has reserved counters. */
  readonly hasCounters: boolean;
}

/** PostgreSQL was lost during the commit: the change may or may not have been made. */
export class CommitUnknown extends Error {
  override readonly name = 'CommitUnknown';
}

/**
 * The journal has made a batch live that PostgreSQL does not have: it was restored from a backup.
 */
export class BatchMissing extends Error {
  override readonly name = 'BatchMissing';
}

/** PostgreSQL has rows that do not belong together, or lacks rows that its checkpoints promise. */
export class SnapshotUnfit extends Error {
  override readonly name = 'SnapshotUnfit';
}

/** Who holds reserved counters: see `batchHolder`, `jobHolder` and `requestHolder`. */
export type CounterHolder = `batch ${number}` | `job ${string}` | `request ${string}`;

export interface CounterStore {
  /** Takes `quantity` counters: all of them, or none. */
  reserve(holder: CounterHolder, counters: PatternCounters, quantity: number): Promise<Reserved>;
  /** Takes up to `quantity` more counters. */
  reserveMore(holder: CounterHolder, counters: PatternCounters, quantity: number): Promise<readonly CounterRange[]>;
  /** Gives back all that the holder has, and takes `quantity` counters: all of them, or none. */
  renewReservation(holder: CounterHolder, counters: PatternCounters, quantity: number): Promise<Reserved>;
  /** All that `from` has reserved is reserved by `to` now. */
  moveReservation(from: CounterHolder, to: CounterHolder): Promise<void>;
  /** The holder's counters can be taken by others again. */
  giveBackReservation(holder: CounterHolder): Promise<void>;
  /**
   * These counters gave codes that are live: whatever this database says of them, they are used.
   */
  markUsed(counters: Omit<PatternCounters, 'counterCount'>, ranges: readonly CounterRange[]): Promise<void>;
  /**
   * Gives back what requests had reserved that this process does not know: they opened no batch. To
   * be called at the start.
   */
  giveBackOfRequests(): Promise<void>;
  /** The codes of the holder's counters are live. */
  dropReservation(holder: CounterHolder): Promise<void>;
}

export interface JobStore {
  /**
   * Makes the job and reserves its counters, both or neither. `earlier`: a job was made for this
   * `requestKey` before, and nothing was changed. Rejects with `CommitUnknown` when it is not known
   * whether the job was made.
   */
  createJob(
    job: JobRow,
    requestKey: string | null,
    counters: PatternCounters,
  ): Promise<Reserved | { readonly kind: 'earlier'; readonly job: JobRow }>;
  /** Writes a job that has ended, unless it or one of its `requestKey` is there. */
  restoreJob(job: JobRow, requestKey: string | null): Promise<void>;
  jobById(id: string): Promise<JobRow | null>;
  jobByRequestKey(requestKey: string): Promise<JobRow | null>;
  /** Those that are `processing`, the oldest first. */
  jobsUnderWay(): Promise<readonly JobRow[]>;
  /** How far it is, and its plan. */
  saveJob(job: JobRow): Promise<void>;
  /**
   * Writes how the job ended. Of one that is not completed nothing is left: its batch is removed
   * and its counters are given back. False when that batch is live: then nothing was changed. May
   * be called again after an error.
   */
  endJob(job: JobRow, batchId: number | null): Promise<boolean>;
  /** Of a batch whose rows are in; null: they are not. */
  stagedBatch(batchId: number): Promise<{ readonly size: number; readonly count: number } | null>;
}

export interface ControlStore extends JobStore, CounterStore, AccountStore, UsageStore {
  stage(shard: ShardId, bookId: BookId): Staging;
  /**
   * Removes what a staged batch left, and gives back the counters that it had reserved. False when
   * it is live: then nothing was changed.
   */
  discardBatch(batchId: number): Promise<boolean>;
  /** Those of these batches that are live in PostgreSQL, or not in it at all. */
  settledBatches(batchIds: readonly number[]): Promise<readonly number[]>;
  /**
   * Rows of batches that are not live in PostgreSQL, and counters of batches; but those of jobs
   * that are under way.
   */
  unsettledBatches(): Promise<readonly UnsettledBatch[]>;
  /**
   * The events of one code, newest first, from `beforeSeq` (null: from the newest) backwards along
   * `prevSeq`.
   */
  history(shard: ShardId, code: string, beforeSeq: Seq | null, limit: number): Promise<readonly HistoryEntry[]>;
  checkpoint(shard: ShardId): Promise<Seq>;
  /** Those of `codes` that are in PostgreSQL, live or not. */
  existingCodes(codes: readonly string[]): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}
