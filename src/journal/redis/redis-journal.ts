/**
 * The journal on Redis Streams: for installations that keep the engine's memory and its journal on
 * different machines.
 *
 * One stream per logical shard, `clipbook:{<shard>}:journal`, one entry per commit of that shard,
 * its id the first sequence. Beside it a key says who may write, `clipbook:{<shard>}:epoch`. An
 * append is compared before it is made (my epoch, and the entry that I expect to be the last),
 * inside Redis and in one step. Everything else depends on this rule:
 *
 * - an append whose answer was lost is never made twice: whoever opens next takes a new epoch,
 *   which shuts out whatever is still on its way, and then reads the tail, which is the truth;
 * - a process that was taken over can't write any more, however late it notices;
 * - a server that lost entries (a failover to a replica that was behind, an AOF cut short) does not
 *   have the entry that is expected, so nothing is written onto the hole; the loss is named, and
 *   its owner has to say that it goes on.
 *
 * Where the file journal makes void what nobody was told of, here it stays: it is in the stream and
 * synced, and `lastSeqs` says so. What lost: transactions with WATCH (a round trip more, and a
 * connection of its own per shard), and the fence in another system, which would have to be asked
 * before each append.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Journal, KEEP_NOTHING, type Retention } from '../journal.js';
import { type ConnectionOptions, openConnection, placeOf, type RedisConnection, within } from './connection.js';
import { createDurableBuffer, durableSeqs } from './durable.js';
import { assertFit, describeDurability, type RedisFacts, RedisUnfit } from './facts.js';
import { createRedisReader, openedShards } from './reader.js';
import { createTaker, takeShard } from './shard-tail.js';
import { createRedisWriter, type WriterLog, waitForReplicas } from './writer.js';

export interface RedisJournalOptions {
  /**
   * `redis://` or `rediss://`, with user and password where needed. One server, or any node of a
   * Redis Cluster.
   */
  readonly url: string;
  /** Which installation the streams have to belong to. Absent: to none. */
  readonly installation?: string;
  /** From `createDurableBuffer`; the same one for all threads of a process. */
  readonly durable?: SharedArrayBuffer;
  readonly log: WriterLog;
  /** Replicas that must have a commit before it counts (WAIT); 0: none. */
  readonly waitReplicas?: number;
  /** How long they may take; then the commit fails. */
  readonly waitMsMax?: number;
  /**
   * Nothing is kept behind the snapshot when absent. `bytes` is for all of the `shardCount` shards.
   */
  readonly retention?: Retention & { readonly shardCount: number };
  /**
   * A commit without an answer for this long is given up. Above the pauses that are to be sat out,
   * below the caller's patience.
   */
  readonly appendMsMax?: number;
  /** How long the first connection may be tried: a server may just be starting. */
  readonly openMsMax?: number;
  readonly inFlightMax?: number;
}

export interface RedisJournal extends Journal {
  readonly name: 'redis';
  /** One line for the operator: what an answered operation survives. */
  readonly durability: string;
  readonly facts: RedisFacts;
}

/**
 * What keeps the fsync busy is (round trip + fsync) / fsync; more only makes commits smaller and
 * fsyncs more.
 */
const IN_FLIGHT_MAX = 3;
const APPEND_MS_MAX = 3000;
const WAIT_MS_MAX = 1000;
const OPEN_MS_MAX = 10_000;
/** A server that reads its AOF answers, so it is waited for longer than one that does not. */
const LOADING_MS_MAX = 60_000;
/** One try at connecting: short, because whoever needs it tries again. */
const CONNECT_MS_MAX = 1000;
const READ_MS_MAX = 5000;

/**
 * Rejects with `RedisUnfit` for a server that a journal must not be kept on, and with what went
 * wrong last when none could be reached within `openMsMax`.
 */
export async function openRedisJournal(options: RedisJournalOptions): Promise<RedisJournal> {
  const {
    url,
    installation = '',
    log,
    waitReplicas = 0,
    waitMsMax = WAIT_MS_MAX,
    appendMsMax = APPEND_MS_MAX,
  } = options;
  const durable = durableSeqs(options.durable ?? createDurableBuffer());
  const writerOptions: ConnectionOptions = { url, openMsMax: CONNECT_MS_MAX, replyMsMax: 0, name: 'clipbook-writer' };
  const readerOptions: ConnectionOptions = { ...writerOptions, replyMsMax: READ_MS_MAX, name: 'clipbook-reader' };
  const taker = createTaker();
  /** How to close what is open. */
  const open = new Set<() => Promise<void>>();

  const facts = await firstFacts(writerOptions, options.openMsMax ?? OPEN_MS_MAX);
  assertFit(facts, waitReplicas);

  async function takeOver(
    connection: RedisConnection,
    ...[shards, startAfter, goOnAfter]: Parameters<Journal['openWriter']>
  ) {
    assertFit(connection.facts, waitReplicas);
    const tails = await Promise.all(
      shards.map((shard) => takeShard(connection, shard, { taker, installation, startAfter, goOnAfter })),
    );
    // What is in the streams counts from now on, so the replicas must have that too.
    if (waitReplicas > 0) await waitForReplicas(connection, waitReplicas, waitMsMax);
    for (const { shard, durable: seq, beganAfter } of tails) {
      durable.setBeganAfter(shard, beganAfter);
      durable.set(shard, seq);
    }
    const closeWriter = (): Promise<void> => writer.close();
    const writer = await createRedisWriter({
      connection,
      connectionOptions: writerOptions,
      tails,
      taker,
      durable,
      inFlightMax: options.inFlightMax ?? IN_FLIGHT_MAX,
      appendMsMax,
      waitReplicas,
      waitMsMax,
      retention: shareOf(options.retention, shards.length),
      log,
      onEnd: () => open.delete(closeWriter),
    });
    open.add(closeWriter);
    return writer;
  }

  return {
    name: 'redis',
    durability: `${placeOf(url)}: ${describeDurability(facts, waitReplicas)}`,
    facts,
    async openWriter(...asked) {
      const connection = await openConnection(writerOptions);
      try {
        return await within(appendMsMax, takeOver(connection, ...asked));
      } catch (error) {
        connection.close();
        throw error;
      }
    },
    async openReader() {
      const reader = createRedisReader(readerOptions, durable, () => openedShards(durable));
      const close = async (): Promise<void> => {
        open.delete(close);
        await reader.close();
      };
      open.add(close);
      return { ...reader, close };
    },
    async close() {
      await Promise.all([...open].map((close) => close()));
    },
  };
}

function shareOf(retention: RedisJournalOptions['retention'], shards: number): Retention {
  if (retention === undefined) return KEEP_NOTHING;
  return { ms: retention.ms, bytes: Math.floor((retention.bytes * shards) / retention.shardCount) };
}

async function firstFacts(connectionOptions: ConnectionOptions, msMax: number): Promise<RedisFacts> {
  const beganMs = performance.now();
  for (;;) {
    try {
      const connection = await openConnection(connectionOptions);
      connection.close();
      return connection.facts;
    } catch (error) {
      const isLoading = error instanceof Error && error.message.startsWith('LOADING');
      const tried = performance.now() - beganMs;
      if (isFinal(error) || tried > (isLoading ? Math.max(msMax, LOADING_MS_MAX) : msMax)) throw error;
      await sleep(100);
    }
  }
}

/** Errors that waiting can't solve: an unsuitable server, or refused access. */
function isFinal(error: unknown): boolean {
  return (
    error instanceof RedisUnfit || (error instanceof Error && /^(WRONGPASS|NOAUTH|NOPERM|ERR) /.test(error.message))
  );
}
