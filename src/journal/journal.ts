/**
 * The journal: events become durable here before they are answered.
 *
 * A journal keeps one order of entries per logical shard. An entry is one commit of one shard: the
 * changes that were decided together, encoded, with the sequence numbers they span. The journal
 * never looks inside the payload.
 *
 * Durability is three numbers per shard: `appended >= inFlight >= durable`. Commits become durable
 * in the order in which they were appended, and `done` is called in that order.
 *
 * Exactly one writer may own a shard. Opening a writer takes a new epoch for its shards and fences
 * out whoever wrote before: the older writer's next append fails with `JournalFenced`.
 */
import type { Seq, ShardId } from '../domain/ids.js';
import { ProcessEnd } from '../platform/exit-codes.js';

export interface Entry {
  readonly shard: ShardId;
  /** Sequence of the first event in the payload; the entry spans `firstSeq .. lastSeq`. */
  readonly firstSeq: Seq;
  readonly lastSeq: Seq;
  readonly payload: Uint8Array;
}

export interface Journal {
  readonly name: 'file' | 'redis';

  /**
   * Takes over `shards`, given as many shards as one thread owns. Resolves once every earlier
   * writer of them is fenced out and what they left is durable or cut. `startAfter` names, for a
   * shard whose owner knows it, the last sequence that was ever acknowledged: whole entries after
   * it are void (an fsync that failed leaves such entries). Rejects with `JournalDamaged` when a
   * record is bad that a crash can't have torn, and with `JournalRolledBack` when a shard ends
   * before what was acknowledged. `goOnAfter` names the shards whose loss the owner has taken note
   * of, each with the last sequence that the owner has from elsewhere (its snapshot; 0: none): such
   * a shard goes on after that or after its own end, whichever is later. Its history then begins
   * after that sequence, for good: readers are given nothing from before it. `inSnapshot` names the
   * last sequence that the snapshot has of a shard: what is kept up to there is not verified now,
   * only when it is read. Rejects with `JournalFenced` when this journal had opened a shard before
   * and another process has taken it over since.
   */
  openWriter(
    shards: readonly ShardId[],
    startAfter?: ReadonlyMap<ShardId, Seq>,
    goOnAfter?: ReadonlyMap<ShardId, Seq>,
    inSnapshot?: ReadonlyMap<ShardId, Seq>,
  ): Promise<JournalWriter>;

  openReader(): Promise<JournalReader>;

  close(): Promise<void>;
}

export interface JournalWriter {
  /**
   * The last sequence that is durable, per owned shard, when the writer was opened; 0 for an empty
   * shard.
   */
  readonly lastSeqs: ReadonlyMap<ShardId, Seq>;

  /** How many commits may be in flight at once; the caller batches up what comes meanwhile. */
  readonly inFlightMax: number;

  /**
   * Appends one commit: at most one entry per shard, each starting right after the shard's last
   * appended sequence. `done(null)` when all of its entries are durable. `done(error)` when that
   * could not be had: from then on the writer is dead, every later append fails at once, and which
   * entries are in the journal is known only after another `openWriter`. `done` is never called
   * before `append` returns.
   */
  append(entries: readonly Entry[], done: (error: Error | null) => void): void;

  /**
   * False while the journal knows that it has no room (disk full, Redis at its memory limit or
   * away): nothing should be decided then. An append made while there is room does not fail for
   * want of room where the medium lets us know in advance (the file journal preallocates).
   */
  hasRoom(): boolean;

  /**
   * Why `hasRoom` is false: true while the medium can't be reached, false where it has no room.
   * Absent where the medium can always be reached.
   */
  isAway?(): boolean;

  /** Absent where nobody else can take the shards over while this process runs. */
  readonly ownership?: Ownership;

  /**
   * Entries through `throughSeq` are in the snapshot. They are kept for the retention span, and go
   * after it, in the background.
   */
  trim(shard: ShardId, throughSeq: Seq): void;

  /** Waits for what is in flight. */
  close(): Promise<void>;

  /**
   * Closes a writer that nothing was appended to, and removes what its opening left on the medium.
   * Absent where an opening leaves nothing that adds up.
   */
  discard?(): Promise<void>;
}

/**
 * How long entries are kept that are in the snapshot already, so that a snapshot restored from a
 * backup can be brought forward. Whichever is reached first ends it. What is kept so goes before
 * any change is refused for want of room.
 */
export interface Retention {
  readonly ms: number;
  /** Of the whole journal. */
  readonly bytes: number;
}

export const KEEP_NOTHING: Retention = { ms: 0, bytes: 0 };

/** Whether a writer still owns its shards, known without an append. */
export interface Ownership {
  /**
   * False when that was not confirmed for so long that another may own the shards by now: then not
   * even reads are answered.
   */
  isSure(): boolean;
  /**
   * `listener` hears, at most once, why the writer ended, also when there was no append that would
   * have told. Not of `close`.
   */
  onEnd(listener: (error: Error) => void): void;
}

export interface JournalReader {
  /** The last sequence of the shard that is durable. Costs one atomic load. */
  durableSeq(shard: ShardId): Seq;

  /**
   * Entries of a shard that hold sequences after `afterSeq`, in order, without a gap, up to what is
   * durable now, at most about `bytesMax` of payload (at least one entry if there is one). Empty:
   * nothing new. The first entry may begin before `afterSeq`. Rejects with `JournalTrimmed` when
   * entries after `afterSeq` are gone already, or are from before an accepted loss (`goOnAfter`):
   * what came after the loss does not follow from them.
   */
  read(shard: ShardId, afterSeq: Seq, bytesMax: number): Promise<readonly Entry[]>;

  /** Bytes that the journal holds on its medium, for metrics and readiness. */
  size(): Promise<number>;

  /**
   * Unix milliseconds since when the journal has every entry, as far as is known. Null: it has
   * none.
   */
  sinceMs(): Promise<number | null>;

  close(): Promise<void>;
}

/** Acknowledged entries may be among what is bad: the start stops and says where. */
export class JournalDamaged extends ProcessEnd {
  override readonly name = 'JournalDamaged';
  constructor(
    readonly place: string,
    readonly offset: number,
    what: string,
  ) {
    super('damaged', `journal damaged: ${place} at offset ${offset}: ${what}; see docs/guarantees.md#damage`);
  }
}

/** Another writer has taken the shard over. This one must stop answering for it at once. */
export class JournalFenced extends Error {
  override readonly name = 'JournalFenced';
}

/** The stream ends before what was acknowledged: the medium lost entries (a failover). */
export class JournalRolledBack extends Error {
  override readonly name = 'JournalRolledBack';
  constructor(
    readonly shard: ShardId,
    readonly lostFrom: Seq,
    readonly lostThrough: Seq,
  ) {
    super(`journal lost acknowledged entries of shard ${shard}: sequences ${lostFrom} to ${lostThrough}`);
  }
}

/** What was asked for is behind the checkpoint and gone, or before an accepted loss. */
export class JournalTrimmed extends Error {
  override readonly name = 'JournalTrimmed';
}
