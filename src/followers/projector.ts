/**
 * The projector: writes durable changes from the journal to PostgreSQL, batch by batch, each with
 * its checkpoint in one transaction. Only the trimming of the journal and requests for history wait
 * for it.
 *
 * It waits a second between batches on purpose. Each transaction has a fixed cost, its commit
 * delays the journal's syncs (at 200 changes a second and twenty commits a second, two in a hundred
 * syncs waited), and several changes of one code in one batch cost one row update. And during a
 * drop, callers have priority: under heavy load the projector pauses until it is
 * `LAG_EVENTS_PAUSED_MAX` behind (the journal keeps the backlog). From there on it works more the
 * further it is behind. Under a long load it reaches a balance where it projects as many events as
 * are decided. A request that waits for it calls `catchUp`.
 *
 * One transaction has the changes of all shards, because most of its cost does not depend on its
 * size. When PostgreSQL refuses its content, each shard is written in a transaction of its own, and
 * those that fail are stuck: they are left out, reported to the operators, and tried again every
 * few seconds. The journal keeps what they need.
 *
 * A lower priority of the thread would have the same effect, but an ordinary user may not raise it
 * again. While PostgreSQL is away it tries again and the journal grows.
 */
import type { Change } from '../domain/event.js';
import type { Seq, ShardId } from '../domain/ids.js';
import type { StuckShards } from '../engine/stuck-shards.js';
import type { Watermarks } from '../engine/watermarks.js';
import { differingEntries } from '../feed/entry-hash.js';
import { type ChangeBatch, EntryUnreadable, type Feed } from '../feed/feed.js';
import { JournalDamaged, JournalTrimmed } from '../journal/journal.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import { isPassing } from '../postgres/failure.js';
import type { ProjectionWriter } from '../postgres/store.js';

interface ProjectorOptions {
  readonly shards: readonly ShardId[];
  readonly feed: Feed;
  readonly writer: ProjectionWriter;
  /** Where the checkpoints are published. */
  readonly checkpoints: Watermarks;
  /** Where the stuck shards are published. */
  readonly stuck: StuckShards;
  readonly nowMs: () => number;
  readonly idempotencyTtlMs: number;
  /** Called at most once, when nothing may be projected any more. `run` has ended by then. */
  readonly onEnd: (end: ProcessEnd) => void;
  readonly log: Record<'info' | 'warn' | 'error', (fields: object, message: string) => void>;
}

export interface Projector {
  /** Runs until `stop`. */
  run(): Promise<void>;
  /** A request waits for the projector: ends the pause, and starts none for a while. */
  catchUp(): void;
  /** Projects what is durable by now, if that can be done within `withinMs`, and ends. */
  stop(withinMs: number): Promise<void>;
}

/** Of the journal, some 100,000 changes. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** How often it checks for new changes. */
const LOOK_MS = 50;
/**
 * Between two batches. Each is a commit of PostgreSQL, and a sync of the journal that meets one on
 * the same disk waits for it.
 */
const PAUSE_MS = 1000;
/**
 * Under heavy load it pauses until it is this far behind: about 20 seconds of a drop.
 */
const LAG_EVENTS_PAUSED_MAX = 1_500_000;
/** From this far behind, it never pauses. */
const LAG_EVENTS_UNPAUSED = 2_000_000;
/** Events per second from which the load counts as heavy. */
const BUSY_EVENTS_PER_SECOND = 10_000;
/**
 * Between the two, the longest pause after a batch, as a multiple of the time that the batch took.
 */
const PAUSE_FACTOR_MAX = 6;
const BUSY_PAUSE_MS_MAX = 6000;
/** How long a request waits for the projection at most; so long it does not pause. */
const CATCH_UP_MS = 3000;
const RETRY_MS = 200;
const RETRY_MS_MAX = 2000;
/** How often a shard that is stuck is tried again. */
const RETRY_STUCK_MS = 5000;
const SWEEP_EVERY_MS = 60_000;

export function createProjector(options: ProjectorOptions): Projector {
  const { shards, feed, writer, checkpoints, stuck, nowMs, log } = options;
  let stopAtMs = Number.POSITIVE_INFINITY;
  let stopping = false;
  let ended: Promise<void> = Promise.resolve();
  let wake = (): void => {};
  let sweptMs = 0;
  let catchUpUntilMs = 0;
  /** Index in `shards` of the shard that is next. */
  let nextShard = 0;
  let seenDurable = Number.POSITIVE_INFINITY;
  let seenMs = 0;
  let triedStuckMs = 0;

  async function run(): Promise<void> {
    let retryMs = RETRY_MS;
    let known = false;
    for (;;) {
      try {
        if (!known) {
          for (const [shard, { seq, entryHash }] of await writer.checkpoints()) {
            await assertFollows(shard, seq, entryHash);
            checkpoints.set(shard, seq);
          }
          known = true;
        }
        const beganMs = performance.now();
        const projected = await projectBatch();
        if (retryMs !== RETRY_MS) log.info({}, 'the projection continues');
        retryMs = RETRY_MS;
        if (stopping && (projected === 0 || nowMs() >= stopAtMs)) return;
        if (projected === 0) await sweep();
        if (!stopping) await pauseAfter(projected, performance.now() - beganMs);
      } catch (error) {
        if (error instanceof ProcessEnd) return options.onEnd(error);
        if (retryMs === RETRY_MS) log.warn({ err: error }, 'the projection failed and is tried again');
        // After an error with an unknown outcome, the checkpoints show what was written.
        known = false;
        if (stopping && nowMs() >= stopAtMs) return;
        await pause(retryMs);
        retryMs = Math.min(retryMs * 2, RETRY_MS_MAX);
      }
    }
  }

  /**
   * The next entry must follow the last one that PostgreSQL has. The sequence number is not enough:
   * another process, or an older copy of a store, may have other changes with the same number.
   */
  async function assertFollows(shard: ShardId, seq: Seq, entryHash: Uint8Array | null): Promise<void> {
    if (entryHash === null || !shards.includes(shard)) return;
    if ((await feed.isSameEntry(shard, seq, entryHash)) === false) throw differingEntries(shard, seq);
  }

  /** Returns how many events it projected. */
  async function projectBatch(): Promise<number> {
    await tryStuck();
    const batches = new Map<ShardId, ChangeBatch>();
    let bytes = 0;
    // Each batch begins with the shard after the last one of the batch before: a shard with a
    // backlog must not block the others.
    for (let n = 0; n < shards.length && bytes < BATCH_BYTES_MAX; n++) {
      // In bounds: there is a shard, and `nextShard` is a remainder by their number.
      const shard = shards[nextShard] as ShardId;
      nextShard = (nextShard + 1) % shards.length;
      const batch = stuck.has(shard) ? null : await read(shard, BATCH_BYTES_MAX - bytes);
      if (batch === null) continue;
      bytes += batch.bytes;
      batches.set(shard, batch);
    }
    if (batches.size === 0) return 0;
    try {
      return await write(batches);
    } catch (error) {
      if (!isOfContent(error)) throw error;
      if (batches.size > 1) return writeSingly(batches);
      for (const shard of batches.keys()) becomeStuck(shard, error);
      return 0;
    }
  }

  /** Null when there is nothing to project, or when the journal can't give it. */
  async function read(shard: ShardId, bytesMax: number): Promise<ChangeBatch | null> {
    try {
      return await feed.read(shard, checkpoints.get(shard), bytesMax);
    } catch (error) {
      if (!isOfJournal(error)) throw error;
      becomeStuck(shard, error);
      return null;
    }
  }

  /** One transaction. Returns how many events it had. */
  async function write(batches: ReadonlyMap<ShardId, ChangeBatch>): Promise<number> {
    const changes = new Map<ShardId, Iterable<Change>>();
    const entryHashes = new Map<ShardId, Uint8Array>();
    for (const [shard, batch] of batches) {
      changes.set(shard, batch.changes());
      entryHashes.set(shard, batch.entryHash());
    }
    await writer.write(changes, entryHashes);
    let events = 0;
    for (const [shard, { afterSeq, lastSeq }] of batches) {
      checkpoints.set(shard, lastSeq);
      events += lastSeq - afterSeq;
    }
    return events;
  }

  async function writeSingly(batches: ReadonlyMap<ShardId, ChangeBatch>): Promise<number> {
    let events = 0;
    for (const [shard, batch] of batches) {
      try {
        events += await write(new Map([[shard, batch]]));
      } catch (error) {
        if (!isOfContent(error)) throw error;
        becomeStuck(shard, error);
      }
    }
    return events;
  }

  function becomeStuck(shard: ShardId, error: unknown): void {
    if (stuck.has(shard)) return;
    stuck.set(shard, true);
    log.error({ err: error, shard }, 'a shard can not be projected; the others go on, and it is tried again');
  }

  async function tryStuck(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs < triedStuckMs + RETRY_STUCK_MS) return;
    triedStuckMs = nowMs;
    for (const shard of shards) {
      if (!stuck.has(shard)) continue;
      const batch = await read(shard, BATCH_BYTES_MAX);
      if (batch === null) continue;
      await writeSingly(new Map([[shard, batch]]));
      if (checkpoints.get(shard) < batch.lastSeq) continue;
      stuck.set(shard, false);
      log.info({ shard }, 'the shard is projected again');
    }
  }

  async function pauseAfter(projected: number, tookMs: number): Promise<void> {
    // Measured each time, so that the first seconds of a drop are not averaged with the idle time
    // before it.
    const busy = isBusy();
    if (projected === 0 || isCatchingUp()) return pause(LOOK_MS);
    if (!busy) return pause(lagEvents() < BUSY_EVENTS_PER_SECOND ? PAUSE_MS : 0);
    if (lagEvents() < LAG_EVENTS_PAUSED_MAX) {
      do await pause(PAUSE_MS);
      while (!stopping && !isCatchingUp() && lagEvents() < LAG_EVENTS_PAUSED_MAX && isBusy());
      return;
    }
    const share = (LAG_EVENTS_UNPAUSED - lagEvents()) / (LAG_EVENTS_UNPAUSED - LAG_EVENTS_PAUSED_MAX);
    if (share > 0) await pause(Math.min(tookMs * PAUSE_FACTOR_MAX * share, BUSY_PAUSE_MS_MAX));
  }

  const isCatchingUp = (): boolean => performance.now() < catchUpUntilMs;

  /** Judged by what came in since it was asked last. */
  function isBusy(): boolean {
    const nowMs = performance.now();
    const durable = shards.reduce((sum, shard) => sum + feed.durableSeq(shard), 0);
    const perSecond = ((durable - seenDurable) / (nowMs - seenMs)) * 1000;
    seenDurable = durable;
    seenMs = nowMs;
    return perSecond >= BUSY_EVENTS_PER_SECOND;
  }

  function lagEvents(): number {
    const running = shards.filter((shard) => !stuck.has(shard));
    return running.reduce((lag, shard) => lag + feed.durableSeq(shard) - checkpoints.get(shard), 0);
  }

  async function sweep(): Promise<void> {
    const now = nowMs();
    if (now - sweptMs < SWEEP_EVERY_MS) return;
    sweptMs = now;
    await writer.sweep(now - options.idempotencyTtlMs);
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    run() {
      ended = run();
      return ended;
    },
    catchUp() {
      catchUpUntilMs = performance.now() + CATCH_UP_MS;
      wake();
    },
    async stop(withinMs) {
      stopAtMs = nowMs() + withinMs;
      stopping = true;
      wake();
      await ended;
      await feed.close();
      await writer.close();
    },
  };
}

/**
 * True when a batch failed because of its content, not because PostgreSQL is down or this process
 * may not write.
 */
function isOfContent(error: unknown): boolean {
  return !isPassing(error) && !(error instanceof ProcessEnd);
}

/** True when the journal does not have what PostgreSQL needs next, or has it damaged. */
function isOfJournal(error: unknown): boolean {
  return error instanceof JournalDamaged || error instanceof JournalTrimmed || error instanceof EntryUnreadable;
}
