/**
 * Clipbook, put together: starts the parts from the ground up and takes them down in the order of
 * the flow.
 *
 *     PostgreSQL ─▶ migrations ─▶ HTTP threads (503 until) ─▶ shard threads recover ─▶ projector ─▶ "listening"
 *
 *     SIGTERM: stop accepting ─▶ finish what was accepted ─▶ last commits ─▶ projection catches up ─▶ PostgreSQL stops
 */
import { join } from 'node:path';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { startAccountWatch } from '../control/account-watch.js';
import { createAccounts } from '../control/accounts.js';
import { createBatches } from '../control/batches.js';
import { createCodeWorkers } from '../control/code-workers.js';
import { createControl } from '../control/control.js';
import { createGenerations } from '../control/generations.js';
import { createJobs } from '../control/jobs.js';
import { createKeptCodes } from '../control/kept-codes.js';
import { createKeyTurns } from '../control/key-turns.js';
import { startPlanRenewal } from '../control/plan-renewal.js';
import { refillBatches } from '../control/refill.js';
import { SEEDED_EMAILS } from '../control/seeded-logins.js';
import { createSupervisor, type Supervisor } from '../control/supervisor.js';
import { createUploads } from '../control/uploads.js';
import { createUsageCounts } from '../control/usage-counts.js';
import { createVerifications } from '../control/verifications.js';
import { asShardId, type BookId } from '../domain/ids.js';
import { serveControl } from '../engine/control-link.js';
import { createKeyMemory } from '../engine/key-memory.js';
import { shardOfBook } from '../engine/router.js';
import { createStuckShards } from '../engine/stuck-shards.js';
import { createWatermarks } from '../engine/watermarks.js';
import { type ClockKeeper, startClock } from './clock.js';
import type { Config } from './config.js';
import { dataDirFailure, failureOfEmbedded, inDataDir, prepareDataDir } from './data-dir.js';
import { createDiskSpace } from './disk-space.js';
// The HTTP threads load the library whose limit this sets.
import '../http/server/head-limit.js';
import { reservedWords } from '../http/api/reserved-words.js';
import { ROUTES } from '../http/api/routes/table.js';
import { LIVE_COUNTERS_BYTES, renderLiveMetrics } from '../http/live/counters.js';
import { HTTP_COUNTERS_BYTES, renderHttpMetrics } from '../http/server/metrics.js';
import { ORDER_RATE_BYTES } from '../http/server/order-rate.js';
import { JournalLocked } from '../journal/file/lock.js';
import { durableMarks, locationOf, openJournal, prepareJournal } from '../journal/open.js';
import { type ExitCause, ProcessEnd } from '../platform/exit-codes.js';
import { openEndedTokens } from '../postgres/control/account-store.js';
import { createControlStore } from '../postgres/control/control-store.js';
import type { GeneratorKeys } from '../postgres/control/generator-keys.js';
import { endEmbeddedNow } from '../postgres/embedded/children.js';
import { type EmbeddedPostgres, startEmbedded } from '../postgres/embedded/embedded.js';
import { startClusterWriteBack } from '../postgres/embedded/write-back.js';
import { describePostgres, isSafe, type PostgresFacts, readPostgresFacts } from '../postgres/facts.js';
import { migrate } from '../postgres/migrate.js';
import { randomDirectoryKey } from './hash-keys.js';
import { refuseForeign, takeInstallation } from './installation.js';
import { type LiveThread, startLiveThread } from './live-thread.js';
import type { Logger } from './log.js';
import { createMetrics, createReadiness, lagEvents } from './metrics.js';
import { namingDatabase } from './naming-database.js';
import { freePort, takePort } from './port-check.js';
import { spareThreads } from './spare-thread.js';
import { assertSameTime } from './store-clocks.js';
import { type StoreDurability, watchDurability } from './store-durability.js';
import { startPool, startWorker } from './thread.js';
import { httpData, projectorData, shardData, verifyData } from './thread-data.js';
import type { FromProjector, ToProjector } from './threads.js';

/** How long a stop waits for the projection. The next start projects the rest of the journal. */
const PROJECT_ON_STOP_MS = 10_000;
const CONTROL_CONNECTIONS_MAX = 12;
/** Threads that generate and parse codes, and what each may have in hand: uploads mostly wait. */
const CODE_THREADS_MAX = 4;
const CODE_TASKS_PER_THREAD = 16;
const CODE_THREAD_IDLE_MS = 10_000;

export interface Clipbook {
  readonly port: number;
  readonly codeCount: number;
  /** What a power cut of each store can lose, a line for each. */
  readonly durability: readonly StoreDurability[];
  /** For tests that end a shard thread. */
  readonly supervisor: Supervisor;
  /** For tests that end the live thread. */
  readonly liveThread: Pick<LiveThread, 'kill'>;
  /** Drains: finishes what was accepted, flushes, and ends every part. */
  stop(): Promise<void>;
}

type Stops = (() => Promise<void>)[];

export interface StartOptions {
  /** Heap of a shard thread in MiB; V8's own choice when absent. Codes are kept outside of it. */
  readonly shardHeapMb?: number;
  /** Accept, and remember as accepted, times in the journal that are far ahead of this clock. */
  readonly acceptsClock?: boolean;
  /** All shards serve, once, before the start has ended: callers may have been told so. */
  readonly onServe?: () => void;
}

/** What has to be done before the process may exit at once, in the middle of a start too. */
export type QuickEnds = (() => Promise<void>)[];

/** Rejects with one readable line when it can't start; nothing is left running then. */
export async function startClipbook(
  config: Config,
  log: Logger,
  onFatal: (message: string, cause: ExitCause) => void,
  options: StartOptions = {},
  quickEnds: QuickEnds = [],
): Promise<Clipbook> {
  const stops: Stops = [];
  const stop = async (): Promise<void> => {
    for (const stopPart of stops.splice(0).reverse()) await stopPart();
  };
  try {
    const parts = await startParts({ config, log, onFatal, options, stops, quickEnds });
    const { supervisor } = parts;
    return { ...parts, codeCount: supervisor.codeCount, stop };
  } catch (error) {
    await stop();
    if (error instanceof JournalLocked)
      throw new ProcessEnd('inUse', inDataDir(config.dataDir, error.message).message, { cause: error });
    throw error instanceof ProcessEnd ? error : dataDirFailure(config.dataDir, error);
  }
}

async function startParts({
  config,
  log,
  onFatal,
  options: { shardHeapMb, acceptsClock = false, onServe },
  stops,
  quickEnds,
}: {
  readonly config: Config;
  readonly log: Logger;
  readonly onFatal: (message: string, cause: ExitCause) => void;
  readonly options: StartOptions;
  readonly stops: Stops;
  readonly quickEnds: QuickEnds;
}): Promise<Pick<Clipbook, 'port' | 'supervisor' | 'liveThread' | 'durability'>> {
  quickEnds.push(endEmbeddedNow);
  let endedBy: ExitCause | null = null;
  const end = (message: string, cause: ExitCause): void => {
    if (endedBy !== null) return;
    endedBy = cause;
    onFatal(message, cause);
  };
  const clock = startClock((aheadMs) =>
    log.error({ aheadMs: Math.round(aheadMs) }, "the system's clock was set too far to be right; it is not followed"),
  );
  stops.push(async () => clock.close());
  const checkpoints = createWatermarks();
  prepareDataDir(config.dataDir);
  const ownPort = await takePort(config.host, config.port);
  const directory = join(config.dataDir, 'journal');
  const stores = { redisUrl: config.redisUrl, directory, shardCount: config.shards };
  if (config.databaseUrl !== null && config.redisUrl === null) {
    const { databaseUrl } = config;
    await refuseForeign({ ...stores, databaseUrl, isOwnDatabase: false }, (work) =>
      namingDatabase(config, databaseUrl, work),
    );
  }
  const prepared = await prepareJournal({ ...config, directory }, log);
  const { lock, release } = prepared;
  stops.push(release);
  if (prepared.clock !== null) {
    const { aheadMs, toleranceMs } = prepared.clock;
    assertSameTime('Redis', String(config.redisUrl), aheadMs, toleranceMs);
  }
  const embedded = config.databaseUrl === null ? await openEmbedded(config, log, stops) : null;
  const databaseUrl = embedded?.url ?? String(config.databaseUrl);
  const inDatabase = <T>(work: () => Promise<T>): Promise<T> => namingDatabase(config, databaseUrl, work);
  const examine = (): Promise<PostgresFacts> => readPostgresFacts(databaseUrl, clock.now);
  const facts = await inDatabase(examine);
  assertSameTime('PostgreSQL', databaseUrl, facts.clockAheadMs, facts.roundTripMs / 2);
  const durability = watchDurability({
    first: durabilityOf(databaseUrl, prepared.durability, facts),
    read: async () => durabilityOf(databaseUrl, await prepared.rereadDurability(), await examine()),
    log,
  });
  stops.push(async () => durability.close());
  let hasServed = false;
  const onLost = (error: ProcessEnd): void => end(error.message, error.exitCause);
  lock?.onLost((error) => end(error.message, 'fenced'));
  const { id, claim, lease, acceptedLosses } = await takeInstallation({
    ...stores,
    databaseUrl,
    isOwnDatabase: embedded !== null,
    lock,
    prepareDatabase: () => inDatabase(() => migrate(databaseUrl)),
    inDatabase,
    onLost,
    log,
  });
  const location = locationOf(prepared.location, id);
  const durable = durableMarks(location);
  stops.push(() => lease.giveBack(hasServed && lagEvents(config.shards, durable, checkpoints) === 0));
  if (embedded !== null) stops.push(keepWriting(embedded, log));
  const store = createControlStore({
    url: databaseUrl,
    poolMax: CONTROL_CONNECTIONS_MAX,
    shardCount: config.shards,
    isOwn: config.databaseUrl === null,
    claim,
    onLost,
  });
  stops.push(() => store.close());
  await inDatabase(() => store.checkShardCount());
  // Before anybody can stage others.
  await inDatabase(() => store.giveBackOfRequests());
  const leftBatches = await inDatabase(() => store.unsettledBatches());
  const generatorKeys = await inDatabase(() => takeGeneratorKeys(config, store, clock, log));
  const isProduction = config.environment === 'production';
  const accounts = createAccounts(store, { isProduction });
  if (!isProduction) await inDatabase(() => accounts.seed());

  const dataSet = await inDatabase(() => store.dataSet());
  const keyMemory = createKeyMemory();
  const journal = await openJournal(location, log);
  stops.push(() => journal.close());
  const reader = await journal.openReader();

  const counters: SharedArrayBuffer[] = [];
  const liveCounters: SharedArrayBuffer[] = [];
  const liveCountersOf = (index: number): SharedArrayBuffer => {
    liveCounters[index] ??= new SharedArrayBuffer(LIVE_COUNTERS_BYTES);
    return liveCounters[index];
  };
  const countersOf = (index: number): SharedArrayBuffer => {
    counters[index] ??= new SharedArrayBuffer(HTTP_COUNTERS_BYTES);
    return counters[index];
  };
  const shardThreads = spareThreads('shard', {
    ...(shardHeapMb === undefined ? {} : { resourceLimits: { maxOldGenerationSizeMb: shardHeapMb } }),
  });
  stops.push(() => shardThreads.close());
  const directoryKey = randomDirectoryKey();
  const orderRate = new SharedArrayBuffer(ORDER_RATE_BYTES);
  const supervisor: Supervisor = createSupervisor({
    shardCount: config.shards,
    threadCount: config.shardThreads,
    startShardThread: (thread, shards) =>
      shardThreads.take(
        shardData(config, {
          thread,
          shards,
          location,
          databaseUrl,
          acceptedLosses,
          checkpoints: checkpoints.shared,
          keyMemory: keyMemory.shared,
          clock: clock.shared,
          directoryKey,
        }),
      ),
    directoryKey,
    onShardsServe: () => {
      if (!hasServed) onServe?.();
      hasServed = true;
      shardThreads.prepare();
    },
    refill: (refill) =>
      refillBatches({ store, generatorKeys, workers, keptCodes, shardOfBook: shardOf, reserved, log }, refill),
    startHttpThread: (index, port, directory) => {
      const { port1, port2 } = new MessageChannel();
      serveControl(port1, control, (error, method) => log.error({ err: error, method }, 'a control call broke'));
      const worker = startWorker(
        'http',
        httpData(config, {
          index,
          port,
          directory,
          directoryKey,
          control: port2,
          counters: countersOf(index),
          liveCounters: liveCountersOf(index),
          orderRate,
          dataSet,
          clock: clock.shared,
          endedTokens: accountWatch.current(),
        }),
        {
          name: `http-${index}`,
          transferList: [port2],
        },
      );
      return worker;
    },
    log,
    onFatal: end,
  });
  const pool = startPool('codes', {
    threadsMax: Math.min(CODE_THREADS_MAX, config.shardThreads),
    tasksPerThread: CODE_TASKS_PER_THREAD,
    idleMs: CODE_THREAD_IDLE_MS,
  });
  stops.push(() => pool.destroy());
  const reserved = reservedWords(ROUTES);
  const workers = createCodeWorkers(pool, reserved);
  const shardOf = (bookId: BookId) => shardOfBook(bookId, config.shards);
  const { engine, mayHaveCode } = supervisor;
  const keptCodes = createKeptCodes(join(directory, 'batches'));
  const allShards = Array.from({ length: config.shards }, (_, index) => asShardId(index));
  const batches = createBatches({
    store,
    engine,
    keptCodes,
    keptMs: config.journalRetention.ms,
    shards: allShards,
    shardOfBook: shardOf,
    nowMs: clock.now,
    keyTtlMs: config.idempotencyTtlMs,
    log,
  });
  stops.push(async () => batches.close());
  const made = { store, generatorKeys, workers, engine, batches, turns: createKeyTurns() };
  const common = { ...made, shardOfBook: shardOf, mayHaveCode, reserved, nowMs: clock.now, log };
  const jobs = createJobs(common);
  const uploads = createUploads(common);
  const generations = createGenerations(common);
  const keys = { ...keyMemory, bytesMax: config.idempotencyBytesMax };
  const stuck = createStuckShards();
  const disk = createDiskSpace(config.dataDir);
  const observed = {
    shardCount: config.shards,
    supervisor,
    checkpoints,
    durable,
    stuck,
    clock,
    durability,
    disk,
    reader,
    store,
    keys,
  };
  const verification = createVerifications({
    shardCount: config.shards,
    memory: supervisor,
    startThread: () => startWorker('verify', verifyData(config, allShards, location, databaseUrl, clock.shared)),
  });
  stops.push(() => verification.close());
  const usageCounts = createUsageCounts({ write: store.addUsageCounts, log });
  stops.push(() => usageCounts.close());
  let projector: Worker | null = null;
  const control = createControl({
    store,
    accounts,
    uploads,
    generations,
    batches,
    jobs,
    usageCounts,
    products: supervisor,
    checkpoints,
    durable,
    shards: allShards,
    verification,
    catchUpProjector: () => projector?.postMessage({ type: 'catchUp' } satisfies ToProjector),
    readiness: createReadiness(observed),
    metrics: createMetrics(observed, () => renderHttpMetrics(counters) + renderLiveMetrics(liveCounters)),
    log,
  });

  const endedTokens = openEndedTokens(databaseUrl, isProduction ? SEEDED_EMAILS : []);
  stops.push(() => endedTokens.close());
  const accountWatch = await inDatabase(() =>
    startAccountWatch({ read: endedTokens.read, tell: (ended) => supervisor.endTokens(ended), log }),
  );
  stops.push(() => accountWatch.close());

  stops.push(() => uploads.close());
  stops.push(() => supervisor.close());
  quickEnds.push(async () => {
    if (endedBy === 'fenced') await supervisor.yieldShards('the process ends');
    await supervisor.closeHttpNow();
  });
  const port = await supervisor.startHttp(config.httpThreads, ownPort);
  const acceptedClockMs = await namingDatabase(config, databaseUrl, () => store.acceptedClockMs());
  clock.accept(acceptsClock ? Number.MAX_SAFE_INTEGER : acceptedClockMs);
  await supervisor.startShards();
  await inDatabase(() => lease.noteLosses());
  await inDatabase(() => noteAcceptedClock(clock, acceptedClockMs, store, log));
  const started = startWorker(
    'projector',
    projectorData(config, {
      claim,
      location,
      databaseUrl,
      checkpoints: checkpoints.shared,
      stuck: stuck.shared,
      clock: clock.shared,
    }),
  );
  projector = started;
  const live = { shardCount: config.shards, journal: location, databaseUrl, logLevel: config.logLevel };
  const liveThread = startLiveThread({ data: live, connect: supervisor.connectLive, log });
  started.on('message', ({ message, cause }: FromProjector) => end(message, cause));
  started.on('error', (error) => end(`the projector broke: ${error.message}`, 'failed'));
  stops.push(() => stopProjector(started));
  stops.push(liveThread.stop);
  // In reverse order of their start.
  stops.push(() => supervisor.drain());
  stops.push(() => jobs.close());
  const planRenewal = startPlanRenewal({ engine, shards: allShards, nowMs: clock.now, log });
  stops.push(() => planRenewal.close());
  await batches.settleLeft(leftBatches);
  await jobs.resume();
  return { port, supervisor, liveThread, durability: durability.current() };
}

function durabilityOf(databaseUrl: string, journal: string, facts: PostgresFacts): readonly StoreDurability[] {
  return [
    { store: 'journal', line: journal, isSafe: true },
    { store: 'postgres', line: describePostgres(databaseUrl, facts), isSafe: isSafe(facts) },
  ];
}

async function openEmbedded(config: Config, log: Logger, stops: Stops): Promise<EmbeddedPostgres> {
  const { dataDir, embeddedPostgresBytes: memoryBytes } = config;
  try {
    const embedded = await startEmbedded({ dataDir: join(dataDir, 'postgres'), freePort, memoryBytes, log });
    stops.push(() => embedded.stop());
    return embedded;
  } catch (error) {
    throw failureOfEmbedded(dataDir, error);
  }
}

async function takeGeneratorKeys(
  { generatorKeys: given, journalRetention }: Config,
  store: Pick<ReturnType<typeof createControlStore>, 'openGeneratorKeys'>,
  clock: ClockKeeper,
  log: Logger,
): Promise<GeneratorKeys> {
  const keys = await store.openGeneratorKeys({ given, nowMs: clock.now(), keptMs: journalRetention.ms });
  if (keys.isReplaced) log.warn({ keyId: keys.activeId }, 'GENERATOR_KEY is not set any more; codes get a new key');
  if (keys.lacking.length > 0) {
    log.warn(
      { keyIds: keys.lacking },
      'GENERATOR_KEY lacks a key that codes were made with not long ago; if PostgreSQL has to be restored from a backup, codes that came after it can not be made again',
    );
  }
  return keys;
}

/** What is accepted once is accepted for good, but no later time is. */
async function noteAcceptedClock(
  clock: ClockKeeper,
  knownMs: number,
  store: { acceptClock(throughMs: number): Promise<void> },
  log: Logger,
): Promise<void> {
  const throughMs = Math.max(knownMs, clock.acceptedMs());
  clock.accept(throughMs);
  if (throughMs === knownMs) return;
  await store.acceptClock(throughMs);
  const through = new Date(throughMs).toISOString();
  log.warn(
    { through },
    'the journal has times ahead of the clock, which were accepted; leases of then end when they say',
  );
}

function keepWriting({ url, cluster, startAnew }: EmbeddedPostgres, log: Logger): () => Promise<void> {
  const onFailure = (error: Error): void => {
    log.error({ err: error }, 'a write of PostgreSQL failed; it begins again from its log');
    startAnew();
  };
  const writeBack = startClusterWriteBack({ url, cluster, onFailure });
  return () => writeBack.stop();
}

function stopProjector(projector: Worker): Promise<void> {
  return new Promise((resolve) => {
    projector.once('exit', () => resolve());
    projector.postMessage({ type: 'stop', withinMs: PROJECT_ON_STOP_MS } satisfies ToProjector);
  });
}
