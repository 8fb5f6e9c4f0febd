/**
 * Clipbook, put together: reads the configuration, starts the parts from the ground up, says that it serves, and takes
 * them down in the order of the flow.
 *
 *     PostgreSQL ─▶ migrations ─▶ HTTP threads (503 until) ─▶ shard threads recover ─▶ projector ─▶ "listening"
 *
 *     SIGTERM: stop accepting ─▶ finish what was accepted ─▶ last commits ─▶ projection catches up ─▶ PostgreSQL stops
 */
import { join } from 'node:path';
import { MessageChannel, type Worker } from 'node:worker_threads';
import { createAccounts, SEEDED_LOGINS } from './actor/accounts.js';
import { createControl } from './actor/control.js';
import { serveControl } from './actor/control-link.js';
import { shardOfBook } from './actor/router.js';
import { createSupervisor, type Supervisor } from './actor/supervisor.js';
import { createUploads } from './actor/uploads.js';
import { createWatermarks } from './actor/watermarks.js';
import { type Config, ConfigError, jwtSecretOf, parseConfig } from './config.js';
import { openJournal, prepareJournal } from './journal/open.js';
import { createLogger, type Logger } from './log.js';
import { createMetrics, createReadiness } from './metrics.js';
import { createControlStore } from './postgres/control-store.js';
import { startEmbedded } from './postgres/embedded.js';
import { migrate } from './postgres/migrate.js';
import { startWorker } from './thread.js';
import type { HttpThreadData, ProjectorThreadData, ShardThreadData } from './threads.js';

/** How long a stop waits for the projection to catch up. What is left is in the journal, and projected at the next start. */
const PROJECT_ON_STOP_MS = 10_000;
const CONTROL_CONNECTIONS_MAX = 12;

async function start(config: Config, log: Logger): Promise<() => Promise<void>> {
  const stops: (() => Promise<void>)[] = [];
  const stopAll = async (): Promise<void> => {
    for (const stop of stops.splice(0).reverse()) await stop();
  };
  try {
    await startParts(config, log, stops);
  } catch (error) {
    await stopAll();
    throw error;
  }
  return stopAll;
}

async function startParts(config: Config, log: Logger, stops: (() => Promise<void>)[]): Promise<void> {
  const { location, release } = await prepareJournal(config.redisUrl, join(config.dataDir, 'journal'));
  stops.push(release);
  const databaseUrl = await openDatabase(config, log, stops);
  await migrate(databaseUrl);
  const store = createControlStore({ url: databaseUrl, poolMax: CONTROL_CONNECTIONS_MAX, shardCount: config.shards });
  stops.push(() => store.close());
  await store.checkShardCount();
  const accounts = createAccounts(store);
  if (config.environment !== 'production') await accounts.seed();

  const checkpoints = createWatermarks();
  const journal = await openJournal(location);
  stops.push(() => journal.close());
  const reader = await journal.openReader();

  const httpWorkers: Worker[] = [];
  const supervisor: Supervisor = createSupervisor({
    shardCount: config.shards,
    threadCount: config.shardThreads,
    startShardThread: (thread, shards) =>
      startWorker(
        'shard',
        shardData(config, { thread, shards, location, databaseUrl, checkpoints: checkpoints.shared }),
        {
          name: `shard-${thread}`,
        },
      ),
    startHttpThread: (index, port, directory) => {
      const { port1, port2 } = new MessageChannel();
      serveControl(port1, control, (error, method) => log.error({ err: error, method }, 'a control call broke'));
      const worker = startWorker('http', httpData(config, { index, port, directory, control: port2 }), {
        name: `http-${index}`,
        transferList: [port2],
      });
      httpWorkers.push(worker);
      return worker;
    },
    log,
    onFatal: (message) => {
      log.fatal({}, message);
      process.exit(1);
    },
  });
  const uploads = createUploads({
    store,
    shardOfBook: (bookId) => shardOfBook(bookId, config.shards),
    mayHaveCode: supervisor.mayHaveCode,
    nowMs: Date.now,
  });
  const observed = { shardCount: config.shards, supervisor, checkpoints, reader, store, location };
  const control = createControl({
    store,
    accounts,
    uploads,
    checkpoints,
    readiness: createReadiness(observed),
    metrics: createMetrics(observed),
    log,
  });

  stops.push(() => uploads.close());
  stops.push(() => supervisor.close());
  const port = await supervisor.startHttp(config.httpThreads, config.port);
  await supervisor.startShards();
  const projector = startWorker('projector', projectorData(config, location, databaseUrl, checkpoints.shared));
  projector.on('error', (error) => {
    log.fatal({ err: error }, 'the projector broke');
    process.exit(1);
  });
  stops.push(() => stopProjector(projector));
  // Pushed last, so it is the first to go.
  stops.push(() => supervisor.drain());
  announce(config, port, supervisor);
}

async function openDatabase(config: Config, log: Logger, stops: (() => Promise<void>)[]): Promise<string> {
  if (config.databaseUrl !== null) return config.databaseUrl;
  const embedded = await startEmbedded({ dataDir: join(config.dataDir, 'postgres'), log });
  stops.push(() => embedded.stop());
  return embedded.url;
}

function shardData(
  config: Config,
  {
    location,
    ...data
  }: Pick<ShardThreadData, 'thread' | 'shards' | 'databaseUrl' | 'checkpoints'> & {
    location: ShardThreadData['journal'];
  },
): ShardThreadData {
  const { lockTtlMs, idempotencyTtlMs, idempotencyBytesMax, shards, logLevel } = config;
  const state = { lockTtlMs, idempotencyTtlMs, idempotencyBytesMax: Math.floor(idempotencyBytesMax / shards) };
  return { ...data, journal: location, state, logLevel };
}

function httpData(
  config: Config,
  data: Pick<HttpThreadData, 'index' | 'port' | 'directory' | 'control'>,
): HttpThreadData {
  const { host, shards, shardThreads, mailboxMax, jwtIssuer, jwtAudience, logLevel } = config;
  const jwt = { secret: jwtSecretOf(config), issuer: jwtIssuer, audience: jwtAudience };
  return { ...data, host, shardCount: shards, threadCount: shardThreads, mailboxMax, jwt, logLevel };
}

function projectorData(
  config: Config,
  journal: ProjectorThreadData['journal'],
  databaseUrl: string,
  checkpoints: SharedArrayBuffer,
): ProjectorThreadData {
  const { shards, idempotencyTtlMs, logLevel } = config;
  return { shardCount: shards, journal, databaseUrl, checkpoints, idempotencyTtlMs, logLevel };
}

function stopProjector(projector: Worker): Promise<void> {
  return new Promise((resolve) => {
    projector.once('exit', () => resolve());
    projector.postMessage({ withinMs: PROJECT_ON_STOP_MS });
  });
}

function announce(config: Config, port: number, supervisor: Supervisor): void {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const base = `http://${host}:${port}`;
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(`data       ${config.dataDir} (${supervisor.codeCount} codes)`);
  say(`API page   ${base}/api-docs`);
  if (config.environment !== 'production') {
    for (const { email, password, role } of SEEDED_LOGINS) say(`login      ${email} / ${password} (${role})`);
  }
  say(`clipbook listening on ${base}`);
}

async function main(): Promise<void> {
  let config: Config;
  try {
    config = parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const log = createLogger({ level: config.logLevel, thread: 'main' });
  let stop: (() => Promise<void>) | null = null;
  let asked = false;
  const onSignal = (): void => {
    if (asked) return;
    asked = true;
    if (stop !== null) void end(stop);
  };
  const end = async (stopAll: () => Promise<void>): Promise<void> => {
    log.info({}, 'stopping');
    try {
      await stopAll();
      process.exit(0);
    } catch (error) {
      log.fatal({ err: error }, 'the stop went wrong');
      process.exit(1);
    }
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    stop = await start(config, log);
    if (asked) await end(stop);
  } catch (error) {
    process.stderr.write(`clipbook can not start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

await main();
