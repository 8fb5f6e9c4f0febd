/**
 * node --import tsx test/server/redis-streams.ts [--seconds 30] [--connections 256]: what the
 * streams take of Redis's memory while callers assign codes and give them back as fast as the
 * server lets them (needs wrk). What is projected is trimmed, so the memory follows how far the
 * projector is behind.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startRedis } from '../journal/redis-server.js';
import { ADMIN, connect } from '../support/api.js';
import { booksByThread } from '../support/probe.js';
import { startServer, temporaryDirectory } from '../support/server.js';

const SAMPLE_MS = 500;
const BOOKS = 8;
const CODES = 20_000;
const SCRIPTS = fileURLToPath(new URL('../../load/wrk', import.meta.url));

const USAGE = 'usage: node --import tsx test/server/redis-streams.ts [--seconds 30] [--connections 256]';

const { seconds, connections } = fromCommandLine(USAGE, () => {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '30' }, connections: { type: 'string', default: '256' } },
  });
  return {
    seconds: wholeNumber('--seconds', values.seconds),
    connections: wholeNumber('--connections', values.connections),
  };
});

interface Sample {
  readonly streamsMb: number;
  readonly lagEvents: number;
  readonly durableEvents: number;
}

const directory = await temporaryDirectory();
const redis = await startRedis();
const server = await startServer(directory.path, { REDIS_URL: redis.url, SHARD_THREADS: '1' });
try {
  const api = await connect(server.url);
  const books = join(directory.path, 'books');
  writeFileSync(books, (await booksByThread(api, 1, BOOKS, CODES)).flat().join('\n'));
  api.close();
  await watch(books);
} finally {
  await server.stop();
  await redis.destroy();
  await directory.remove();
}

async function watch(books: string): Promise<void> {
  const emptyBytes = await usedBytes();
  const samples = [await sample(emptyBytes)];
  const load = spawn(
    'wrk',
    ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', 'cycle.lua', server.url, '--', await token(), books],
    { cwd: SCRIPTS, stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => load.once('exit', () => resolve()));
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    samples.push(await sample(emptyBytes));
    if (samples.length % 6 === 0) say(samples.at(-1) as Sample);
  }
  const first = samples[0] as Sample;
  const last = samples.at(-1) as Sample;
  const rate = (last.durableEvents - first.durableEvents) / seconds;
  const mostMb = (part: readonly Sample[]): string => Math.max(...part.map(({ streamsMb }) => streamsMb)).toFixed(0);
  const half = Math.ceil(samples.length / 2);
  console.log(
    `${Math.round(rate)} events/s for ${seconds} s: at most ${mostMb(samples.slice(0, half))} MB in the first half, ${mostMb(samples.slice(half))} MB in the second`,
  );
  const beganMs = performance.now();
  let rest = last;
  while (rest.lagEvents > 0) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    rest = await sample(emptyBytes);
  }
  await new Promise((resolve) => setTimeout(resolve, 2 * SAMPLE_MS));
  rest = await sample(emptyBytes);
  console.log(`${((performance.now() - beganMs) / 1000).toFixed(0)} s after the load: ${rest.streamsMb.toFixed(1)} MB`);
}

function say({ streamsMb, lagEvents }: Sample): void {
  console.log(`${streamsMb.toFixed(1)} MB in the streams, ${lagEvents} events behind`);
}

async function sample(emptyBytes: number): Promise<Sample> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const metric = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]);
  return {
    streamsMb: ((await usedBytes()) - emptyBytes) / 2 ** 20,
    lagEvents: metric('clipbook_projection_lag_events'),
    durableEvents: metric('clipbook_events_durable'),
  };
}

/** The data set, without buffers of clients and of the AOF. */
async function usedBytes(): Promise<number> {
  const info = String(await redis.command('INFO', 'memory'));
  return Number(/used_memory_dataset:(\d+)/.exec(info)?.[1]);
}

async function token(): Promise<string> {
  const answer = await fetch(`${server.url}/api/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ADMIN),
  });
  return String(((await answer.json()) as { accessToken: string }).accessToken);
}
