/**
 * The crash test with Redis as the victim: under mixed load, redis-server is killed at a random
 * moment and started again on its data, over and over, while Clipbook lives on. Callers never stop;
 * at the end every answer they got is looked for. Lost and doubled must both be 0, and while Redis
 * is away every answer must be a 503 with `Retry-After`.
 */
import { type RedisServer, startRedis } from '../journal/redis-server.js';
import { type Load, until } from '../support/probe.js';
import { startServer } from '../support/server.js';
import { type LoadReport, underLoad } from './under-load.js';

export interface RedisLoopOptions {
  readonly dataDir: string;
  readonly kills: number;
  /** Connections, each with a caller. */
  readonly callers: number;
  /** Redis lives this long under load before it is killed. */
  readonly lifeMs: readonly [number, number];
  /** And stays away this long. */
  readonly awayMs: readonly [number, number];
  /** Of each caller, after each answer. */
  readonly pauseMs: number;
  readonly say: (line: string) => void;
}

export interface RedisLoopReport extends LoadReport {
  readonly kills: number;
  readonly refused: number;
  /** What callers got besides 200 and a 503 with `Retry-After`. */
  readonly unexpected: readonly string[];
  /** From Redis answering again to the first success of the slowest shard thread, of each kill. */
  readonly backMs: readonly number[];
}

const THREADS = 2;

export async function redisLoop(options: RedisLoopOptions): Promise<RedisLoopReport> {
  const { dataDir, kills, callers, lifeMs, awayMs, pauseMs, say } = options;
  const redis = await startRedis();
  try {
    const server = await startServer(dataDir, { REDIS_URL: redis.url, SHARD_THREADS: String(THREADS) });
    try {
      const backMs: number[] = [];
      const shape = { threads: THREADS, booksPerThread: 4, callers, pauseMs };
      const { load, ...report } = await underLoad(server, shape, async (load, answered) => {
        while (backMs.length < kills) {
          await during(lifeMs);
          backMs.push(await strike(redis, load, awayMs));
          say(`kill ${backMs.length}: serving ${backMs.at(-1)} ms after Redis was back; ${answered()} answered`);
        }
        await during(lifeMs);
      });
      return { kills, ...report, ...whatCallersGot(load), backMs };
    } finally {
      await server.kill();
    }
  } finally {
    await redis.destroy();
  }
}

/** How long, in ms, the slowest thread took to serve after Redis was back. */
async function strike(redis: RedisServer, load: Load, awayMs: readonly [number, number]): Promise<number> {
  await redis.kill();
  const goneMs = performance.now();
  await during(awayMs);
  await until(() => firstAfter(load, goneMs, 503) !== null, 'every thread refuses while Redis is away');
  await redis.start();
  const startedMs = performance.now();
  await until(() => firstAfter(load, startedMs, 200) !== null, 'every thread serves again');
  return Math.round((firstAfter(load, startedMs, 200) as number) - startedMs);
}

/** When each thread had answered with the status after `sinceMs`; null as long as one has not. */
function firstAfter({ seen }: Load, sinceMs: number, status: number): number | null {
  const first = new Map<number, number>();
  for (let i = seen.length - 1; i >= 0; i--) {
    const answer = seen[i];
    if (answer === undefined || answer.atMs <= sinceMs) break;
    if (answer.status === status) first.set(answer.thread, answer.atMs);
  }
  return first.size === THREADS ? Math.max(...first.values()) : null;
}

function whatCallersGot({ seen }: Load): Pick<RedisLoopReport, 'refused' | 'unexpected'> {
  const refused = seen.filter(({ status }) => status === 503);
  const unexpected = seen.filter(({ status, retryAfter }) =>
    status === 503 ? !(Number(retryAfter) >= 1) : status !== 200,
  );
  return { refused: refused.length, unexpected: unexpected.map((answer) => JSON.stringify(answer)) };
}

function during([least, most]: readonly [number, number]): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, least + Math.random() * (most - least)));
}
