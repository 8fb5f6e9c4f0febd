/**
 * The writer: one call of the append script per commit, several of them on their way at once.
 *
 *     append ──▶ mark of the last entry moves on ──▶ EVALSHA ──▶ … ──▶ reply ──▶ done, in order
 *                so the next commit can expect it     ╰─ up to `inFlightMax` of them on one connection ─╯
 *
 * Each commit expects, in every stream that it touches, the very entry that the commit before it
 * puts there. So when one is refused or lost on its way, all that follow it are refused as well,
 * without the client's doing; there can be no gap behind a failure. On a single server one call
 * carries all shards of a commit, and is in as a whole or not at all (and costs Redis two thirds of
 * what sixteen calls do). A Redis Cluster allows one slot per call, so there each shard has a call,
 * and a commit that fails may be there in some shards and not in others, as a commit of several
 * entries may after a crash anywhere; the next opening says which (`lastSeqs`).
 *
 *      up ──────▶ failed     A refusal, a lost connection or a timeout while something was in flight:
 *      │ ▲                   only the next opening knows what is in the streams.
 *      ▼ │
 *     away ─────▶ failed     The connection was lost with nothing in flight, so nothing is uncertain.
 *                            The writer connects again by itself, if epoch and last entry are
 *                            unchanged. Until then there is no room: callers are refused at once,
 *                            and the shards are not rebuilt.
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import {
  type Entry,
  JournalDamaged,
  JournalFenced,
  JournalRolledBack,
  type JournalWriter,
  type Retention,
} from '../journal.js';
import { type Argument, type ConnectionOptions, openConnection, type RedisConnection, within } from './connection.js';
import type { DurableSeqs } from './durable.js';
import { encodeEntry, entryId, MARK_BYTES } from './entry.js';
import { assertFit } from './facts.js';
import { type FreeMemory, watchMemory } from './free-memory.js';
import { createOwnershipCheck, type OwnershipCheck } from './ownership.js';
import { createStreamRetention } from './retention.js';
import { APPEND } from './scripts.js';
import { EpochLost, evalsha, newToken, refusalOf, resumeShards, type ShardTail, type Taker } from './shard-tail.js';
import { createTrimmer } from './trimmer.js';

/** A commit larger than this is refused: Redis itself takes no value above 512 MB. */
const COMMIT_BYTES_MAX = 256 * 1024 * 1024;
const WATCH_EVERY_MS = 100;
const RECONNECT_MS = 50;
const RECONNECT_MS_MAX = 500;

interface RedisWriterOptions {
  readonly connection: RedisConnection;
  /** How to connect again. */
  readonly connectionOptions: ConnectionOptions;
  readonly tails: readonly ShardTail[];
  readonly taker: Taker;
  readonly durable: DurableSeqs;
  readonly inFlightMax: number;
  /** A commit that has no answer after this long is given up. */
  readonly appendMsMax: number;
  /** Replicas that must have a commit before it counts; 0: none. */
  readonly waitReplicas: number;
  readonly waitMsMax: number;
  /** Of this writer's shards. */
  readonly retention: Retention;
  readonly log: WriterLog;
  /** The writer has failed or was closed, and holds nothing any more. */
  readonly onEnd: () => void;
}

export interface WriterLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

interface Commit {
  readonly entries: readonly Entry[];
  readonly done: (error: Error | null) => void;
  readonly startMs: number;
  /** Replies that are still to come. */
  missing: number;
}

export async function createRedisWriter(options: RedisWriterOptions): Promise<JournalWriter> {
  const { tails, taker, durable, inFlightMax, appendMsMax, waitReplicas, waitMsMax, log } = options;
  const tailOf = new Map(tails.map((tail) => [tail.shard, tail]));
  const inFlight: Commit[] = [];
  let connection: RedisConnection | null = null;
  let memory: FreeMemory;
  let ownership: OwnershipCheck;
  let failed: Error | null = null;
  let isClosed = false;
  let whenIdle: (() => void)[] = [];
  let tellEnd = (_error: Error): void => undefined;
  const kept = createStreamRetention({
    retention: options.retention,
    seqs: new Map(tails.map(({ shard, appended }) => [shard, appended])),
    bytesBefore: await streamBytes(options.connection, tails),
  });
  for (const { shard } of tails) durable.setSince(shard, kept.sinceMs());
  const trimmer = createTrimmer({
    epochOf: (shard) => tailOf.get(shard)?.epoch,
    limitOf: kept.limit,
    onTrimmed: (shard) => durable.setSince(shard, Math.max(durable.sinceMs(shard), kept.sinceMs())),
    log,
  });

  await use(options.connection);
  const watcher = setInterval(watch, WATCH_EVERY_MS).unref();

  // ─── Appending ─────────────────────────────────────────────────────────────────────────────────────────────

  function append(entries: readonly Entry[], done: (error: Error | null) => void): void {
    if (failed === null && connection === null) fail(new Error('the connection to Redis is lost'));
    if (failed !== null || connection === null) {
      const error = failed;
      queueMicrotask(() => done(error));
      return;
    }
    checkEntries(entries);
    const calls = encodeCalls(entries, connection.isCluster);
    kept.added(entries);
    const commit: Commit = { entries, done, startMs: performance.now(), missing: calls.length };
    inFlight.push(commit);
    const finish = (error: Error | null): void => {
      if (error !== null) {
        fail(error);
        return;
      }
      commit.missing -= 1;
      if (commit.missing === 0) release();
    };
    for (const call of calls) {
      connection.send('EVALSHA', call.args).then(
        (reply) => finish(failed === null ? refusalOf(reply, call.tails) : null),
        (error: unknown) => finish(asError(error)),
      );
    }
    if (waitReplicas > 0) awaitReplicas(connection, commit, finish);
  }

  /** One call for all shards, or one for each. Moves the tails on. */
  function encodeCalls(entries: readonly Entry[], isCluster: boolean) {
    const calls: { tails: ShardTail[]; keys: string[]; args: Argument[] }[] = [];
    for (const entry of entries) {
      let call = calls[0];
      if (call === undefined || isCluster) {
        call = { tails: [], keys: [], args: [] };
        calls.push(call);
      }
      const tail = tailOwned(entry.shard);
      const bytes = encodeEntry(entry, tail.mark);
      call.tails.push(tail);
      call.keys.push(tail.stream, tail.epochKey);
      call.args.push(tail.epoch, tail.mark, entryId(entry.firstSeq), bytes);
      memory.added(bytes.length);
      // A copy: the mark outlives the entry, which may be large.
      tail.mark = markOf(bytes);
      tail.appended = entry.lastSeq;
    }
    return calls.map(({ tails: of, keys, args }) => ({ tails: of, args: evalsha(APPEND, keys, args) }));
  }

  /**
   * WAIT answers for all that this connection has written before. Until it does, nothing behind it
   * is looked at.
   */
  function awaitReplicas(to: RedisConnection, commit: Commit, finish: (error: Error | null) => void): void {
    commit.missing += 1;
    waitForReplicas(to, waitReplicas, waitMsMax).then(
      () => finish(null),
      (error: unknown) => finish(asError(error)),
    );
  }

  function release(): void {
    for (let commit = inFlight[0]; commit?.missing === 0 && failed === null; commit = inFlight[0]) {
      inFlight.shift();
      for (const { shard, lastSeq } of commit.entries) {
        tailOwned(shard).durable = lastSeq;
        durable.raise(shard, lastSeq);
      }
      commit.done(null);
    }
    if (inFlight.length === 0) becomeIdle();
  }

  /**
   * There is no way back: what of the commits in flight is in the streams, the next opening finds
   * out.
   */
  function fail(error: Error): void {
    if (failed !== null) return;
    failed = error;
    clearInterval(watcher);
    trimmer.detach();
    const lost = connection;
    connection = null;
    lost?.close();
    const commits = inFlight.splice(0);
    becomeIdle();
    options.onEnd();
    // From `append` this is reached with nothing in flight only, so no `done` is called before
    // `append` returns.
    for (const commit of commits) commit.done(error);
    // Later, since `append` may be under way, and whoever opened the writer may not listen yet.
    if (!isClosed) queueMicrotask(() => tellEnd(error));
  }

  /** What may be appended is decided by the caller; that it decided right is checked here. */
  function checkEntries(entries: readonly Entry[]): void {
    if (inFlight.length >= inFlightMax) throw new Error(`${inFlight.length} commits are in flight already`);
    if (entries.length === 0) throw new Error('a commit has at least one entry');
    const seen = new Set<ShardId>();
    let bytes = 0;
    for (const { shard, firstSeq, lastSeq, payload } of entries) {
      const { appended } = tailOwned(shard);
      if (seen.has(shard)) throw new Error(`two entries of shard ${shard} in one commit`);
      seen.add(shard);
      if (firstSeq !== appended + 1 || lastSeq < firstSeq || !Number.isSafeInteger(lastSeq)) {
        throw new Error(`shard ${shard} is at ${appended}, not before ${firstSeq} to ${lastSeq}`);
      }
      if (payload.length === 0) throw new Error(`an entry of shard ${shard} is empty`);
      bytes += payload.length;
    }
    if (bytes > COMMIT_BYTES_MAX) throw new RangeError(`a commit of ${bytes} bytes is too large`);
  }

  function tailOwned(shard: ShardId): ShardTail {
    const tail = tailOf.get(shard);
    if (tail === undefined) throw new Error(`shard ${shard} is not this writer's`);
    return tail;
  }

  // ─── The connection ────────────────────────────────────────────────────────────────────────────────────────

  async function use(fresh: RedisConnection): Promise<void> {
    const seen = watchMemory(fresh);
    const owned = createOwnershipCheck(fresh, tails);
    await Promise.all([seen.look(), owned.look()]);
    if (failed !== null || isClosed) {
      fresh.close();
      return;
    }
    memory = seen;
    ownership = owned;
    connection = fresh;
    trimmer.attach(fresh);
    fresh.onLost((error) => {
      if (connection === fresh) lose(error);
    });
  }

  function lose(error: Error): void {
    if (failed !== null || isClosed) return;
    if (inFlight.length > 0) {
      fail(error);
      return;
    }
    connection?.close();
    connection = null;
    trimmer.detach();
    log.warn({ err: error }, 'the connection to Redis is lost while nothing was in flight; no room until it is back');
    void reconnect(RECONNECT_MS);
  }

  async function reconnect(delayMs: number): Promise<void> {
    const token = newToken(taker);
    for (let waitMs = delayMs; failed === null && !isClosed; waitMs = Math.min(waitMs * 2, RECONNECT_MS_MAX)) {
      await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
      if (failed !== null || isClosed) return;
      let fresh: RedisConnection | null = null;
      try {
        fresh = await openConnection(options.connectionOptions);
        assertFit(fresh.facts, waitReplicas);
        await within(appendMsMax, resumeShards(fresh, tails, token, taker));
        await within(appendMsMax, use(fresh));
        log.info({}, 'the connection to Redis is back, and the streams are as they were left');
        return;
      } catch (error) {
        fresh?.close();
        if (isRefusal(error)) return fail(error);
      }
    }
  }

  /**
   * Gives up what has no answer for too long, asks for the free memory, and whether the shards are
   * still ours.
   */
  function watch(): void {
    const watched = connection;
    if (watched === null) return;
    kept.look(memory.isTight());
    if (memory.isTight()) trimmer.request();
    const isLate = (): boolean => {
      const oldestMs = Math.min(inFlight[0]?.startMs ?? Number.POSITIVE_INFINITY, memory.askedMs());
      return performance.now() - oldestMs > appendMsMax;
    };
    // When it was this thread that stood still, the answer is waiting to be read: let that happen
    // first.
    if (isLate()) {
      setImmediate(() => {
        if (connection === watched && isLate()) lose(new Error(`no answer from Redis within ${appendMsMax} ms`));
      });
    }
    Promise.all([memory.look(), ownership.look()]).catch((error: unknown) => {
      if (connection !== watched) return;
      if (isRefusal(error)) fail(error);
      // Of a cluster, it may be one server that is lost, and nothing else says so.
      else lose(asError(error));
    });
  }

  // ─── The end ───────────────────────────────────────────────────────────────────────────────────────────────

  function becomeIdle(): void {
    const waiting = whenIdle;
    whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  async function close(): Promise<void> {
    if (inFlight.length > 0) await new Promise<void>((resolve) => whenIdle.push(resolve));
    if (isClosed) return;
    isClosed = true;
    fail(new Error('the journal writer is closed'));
  }

  return {
    lastSeqs: new Map(tails.map(({ shard, appended }): [ShardId, Seq] => [shard, appended])),
    inFlightMax,
    append,
    // A writer that failed lets the next append fail, since that is what makes its owner open
    // another.
    hasRoom: () => !isClosed && (failed !== null || (connection !== null && memory.isEnough())),
    isAway: () => failed === null && connection === null,
    ownership: {
      isSure: () => failed === null && ownership.isSure(),
      onEnd(listener) {
        tellEnd = listener;
        if (failed !== null && !isClosed) queueMicrotask(() => listener(failed as Error));
      },
    },
    trim: trimmer.trim,
    close,
  };
}

async function streamBytes(connection: RedisConnection, tails: readonly ShardTail[]): Promise<number> {
  const sizes = await Promise.all(tails.map(({ stream }) => connection.send('MEMORY', ['USAGE', stream])));
  return sizes.reduce<number>((total, size) => total + Number(size ?? 0), 0);
}

/** Rejects when fewer replicas than asked for have what this connection wrote. */
export async function waitForReplicas(connection: RedisConnection, replicas: number, msMax: number): Promise<void> {
  const reached = Number(await connection.send('WAIT', [replicas, msMax]));
  if (reached < replicas) throw new Error(`${reached} of ${replicas} replicas had the commit within ${msMax} ms`);
}

function isRefusal(error: unknown): error is Error {
  const kinds = [JournalFenced, JournalRolledBack, JournalDamaged, EpochLost];
  return kinds.some((kind) => error instanceof kind);
}

function markOf(bytes: Buffer): Buffer {
  const mark = Buffer.allocUnsafe(MARK_BYTES);
  bytes.copy(mark, 0, 0, MARK_BYTES);
  return mark;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
