/**
 * npm run bench -- [--connections 64,256] [--seconds 5] [--rounds 3] [--short]
 *
 * Bare uWebSockets.js, Clipbook with the file journal and, where a redis-server can be had, Clipbook with Redis
 * (appendfsync always), in turn and repeated, on one machine in one run. Medians, and the ratio to bare. Everything is on:
 * tokens, validation, a sync per commit, the projector. A run with an answer that is not 2xx is not counted, but shown.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cpuOf, perOperation } from './bench/cpu.js';
import { runWrk, type WrkResult } from './bench/wrk.js';
import { startOwnServer } from './own-server.js';
import { measureSync } from './sync-time.js';

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '64,256' },
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    short: { type: 'boolean', default: false },
  },
});
const CONNECTIONS = values.connections.split(',').map(Number);
const SECONDS = values.short ? 2 : Number(values.seconds);
const ROUNDS = values.short ? 1 : Number(values.rounds);
const RATE_MAX = 120_000;
const RESULTS = fileURLToPath(new URL('results', import.meta.url));
const say = (line: string): void => void process.stdout.write(`${line}\n`);

interface Sample extends WrkResult {
  readonly subject: string;
  readonly operation: 'assign' | 'redeem';
  readonly connections: number;
  readonly cpuUs: readonly number[];
  readonly lagEvents: number;
}

interface Subject {
  readonly name: string;
  readonly url: string;
  readonly pid: number;
  readonly token: string;
  readonly bookId: string;
  nextCode: number;
  stop(): Promise<void>;
}

process.exitCode = await main();

async function main(): Promise<number> {
  const subjects = [await startBare(), await startClipbook('clipbook, files', {})];
  const redis = startRedis();
  if (redis !== null) subjects.push(await startClipbook('clipbook, Redis', { REDIS_URL: await redis }));
  else say('redis-server is missing: Clipbook with Redis is left out');
  const samples: Sample[] = [];
  try {
    // What the uploads left for the disk to write would be paid for by the first run.
    spawnSync('sync');
    for (let round = 0; round < ROUNDS; round++) {
      for (const connections of CONNECTIONS) {
        for (const operation of ['assign', 'redeem'] as const) {
          for (const subject of subjects) samples.push(await measure(subject, operation, connections, round));
        }
      }
    }
  } finally {
    for (const subject of subjects) await subject.stop();
    redisProcess?.kill();
  }
  report(samples);
  return samples.every(({ failed }) => failed === 0) ? 0 : 1;
}

async function measure(
  subject: Subject,
  operation: 'assign' | 'redeem',
  connections: number,
  round: number,
): Promise<Sample> {
  const args =
    operation === 'assign'
      ? [subject.bookId, subject.token, `${process.pid}-${round}-${connections}`]
      : ['R', subject.token, String(subject.nextCode)];
  const before = cpuOf(subject.pid);
  const result = await runWrk({ url: subject.url, script: operation, args, connections, seconds: SECONDS });
  const cpuUs = perOperation(before, cpuOf(subject.pid), Math.max(1, result.requests));
  if (operation === 'redeem') subject.nextCode += result.requests + connections;
  const lagEvents = subject.token === '' ? 0 : await lagOf(subject.url);
  const sample = { subject: subject.name, operation, connections, cpuUs, lagEvents, ...result };
  say(line(sample));
  return sample;
}

function line({ subject, operation, connections, perSecond, p50Ms, p99Ms, failed, cpuUs, lagEvents }: Sample): string {
  const rate = Math.round(perSecond).toLocaleString('en');
  return `${subject.padEnd(16)} ${operation.padEnd(7)} ${String(connections).padStart(4)} connections ${rate.padStart(8)}/s  p50 ${p50Ms} ms  p99 ${p99Ms} ms  CPU µs by thread ${cpuUs.join(' ')}  lag ${lagEvents}${failed > 0 ? `  ${failed} FAILED` : ''}`;
}

function report(samples: readonly Sample[]): void {
  const sync = measureSync(tmpdir());
  const machine = `${cpus()[0]?.model ?? 'unknown'}, ${cpus().length} cores, Linux ${release()}, Node ${process.version}`;
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const rows = ['| | connections | | rate | of bare | p50 | p99 |', '| --- | --- | --- | --- | --- | --- | --- |'];
  for (const connections of CONNECTIONS) {
    for (const operation of ['assign', 'redeem'] as const) {
      const of = (subject: string): Sample[] =>
        samples.filter((s) => s.subject === subject && s.operation === operation && s.connections === connections);
      const bare = median(of('bare').map((s) => s.perSecond));
      for (const subject of new Set(samples.map((s) => s.subject))) {
        const runs = of(subject);
        const rate = median(runs.map((s) => s.perSecond));
        const [p50, p99] = [median(runs.map((s) => s.p50Ms)), median(runs.map((s) => s.p99Ms))];
        rows.push(
          `| ${subject} | ${connections} | ${operation} | ${Math.round(rate).toLocaleString('en')}/s | ${(rate / bare).toFixed(2)} | ${p50} ms | ${p99} ms |`,
        );
      }
    }
  }
  const facts = `${machine}; commit ${commit}; medians of ${ROUNDS} rounds of ${SECONDS} s; fdatasync of 4 KiB: p50 ${sync.p50Ms.toFixed(2)} ms, p99 ${sync.p99Ms.toFixed(2)} ms`;
  const markdown = `${rows.join('\n')}\n\n${facts}\n`;
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, 'bench.md'), markdown);
  writeFileSync(join(RESULTS, 'bench.json'), JSON.stringify({ machine, commit, sync, samples }, null, 2));
  say(`\n${markdown}`);
}

function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

// ─── The subjects ───────────────────────────────────────────────────────────────────────────────────────────────

async function startBare(): Promise<Subject> {
  const child = spawn(process.execPath, ['--import', 'tsx', fileURLToPath(new URL('bare.ts', import.meta.url))], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const port = /listening on (\d+)/.exec(chunk.toString())?.[1];
  return {
    name: 'bare',
    url: `http://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    token: '',
    bookId: '01a1fb21-88ef-7535-ae65-df2dc64251e1',
    nextCode: 0,
    stop: async () => void child.kill(),
  };
}

async function startClipbook(name: string, env: Record<string, string>): Promise<Subject> {
  const { url, pid, stop } = await startOwnServer(env);
  const send = async (path: string, type: string, body: string, token?: string): Promise<Record<string, string>> => {
    const headers = { 'content-type': type, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
    const reply = await fetch(`${url}/api/v1${path}`, { method: 'POST', headers, body });
    if (!reply.ok) throw new Error(`${path} got ${reply.status}: ${await reply.text()}`);
    return (await reply.json()) as Record<string, string>;
  };
  const credentials = JSON.stringify({ email: 'admin@admin.com', password: 'Password1' });
  const token = (await send('/auth/token', 'application/json', credentials))['accessToken'] ?? '';
  const books: string[] = [];
  for (const [prefix, redeemableBy] of [
    ['A', 'assignee'],
    ['R', 'bearer'],
  ] as const) {
    const settings = JSON.stringify({ name: prefix, redeemableBy });
    const id = (await send('/coupon-books', 'application/json', settings, token))['id'] ?? '';
    books.push(id);
    const count = RATE_MAX * SECONDS * ROUNDS * CONNECTIONS.length * 0.7;
    const codes = Array.from({ length: count }, (_, i) => `${prefix}-${String(i + 1).padStart(9, '0')}`);
    await send(`/coupon-books/${id}/codes`, 'text/csv', codes.join('\n'), token);
  }
  return { name, url, pid, token, bookId: books[0] ?? '', nextCode: 0, stop };
}

let redisProcess: ReturnType<typeof spawn> | null = null;

/** Null where there is no redis-server. */
function startRedis(): Promise<string> | null {
  if (spawnSync('redis-server', ['--version']).status !== 0) return null;
  return launchRedis();
}

async function launchRedis(): Promise<string> {
  const port = await freePort();
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-redis-'));
  const settings = [
    '--port',
    String(port),
    '--dir',
    directory,
    '--appendonly',
    'yes',
    '--appendfsync',
    'always',
    '--save',
    '',
  ];
  redisProcess = spawn('redis-server', [...settings, '--maxmemory-policy', 'noeviction'], { stdio: 'ignore' });
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  return `redis://127.0.0.1:${port}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

async function lagOf(url: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(/^clipbook_projection_lag_events (\d+)/m.exec(text)?.[1] ?? Number.NaN);
}
