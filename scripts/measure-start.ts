/**
 * `npm run measure:start [-- --codes 1000000]`: how soon the server serves with that many codes in
 * its database, and how much memory they take. It is built, started with nothing, filled through
 * its API, stopped, and started again.
 *
 * Memory is what the process has resident when it has come to rest, over that of the same process
 * with no codes. PostgreSQL is not counted; it keeps its buffers as it would. Exits with 1 where a
 * bound is not met.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from './command-line.js';

const START_MS_MAX = 10_000;
const BYTES_PER_CODE_MAX = 120;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ADMIN = { email: 'admin@admin.com', password: 'Password1' };
const POLL_MS = 500;
const REST_MS = 30_000;

interface Server {
  readonly url: string;
  readonly startMs: number;
  restingBytes(): Promise<number>;
  stop(): Promise<void>;
}

const codes = fromCommandLine('usage: npm run measure:start -- [--codes 1000000]', () => {
  const { values } = parseArgs({ options: { codes: { type: 'string', default: '1000000' } } });
  return wholeNumber('--codes', values.codes, 0);
});
if (process.platform !== 'linux') throw new Error('resident memory is read from /proc: this runs on Linux only');
const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
if (built.status !== 0) throw new Error('the build failed');

const directory = mkdtempSync(join(tmpdir(), 'clipbook-start-'));
// PostgreSQL may run as another user, which needs access to the directory.
chmodSync(directory, 0o755);
const dataDir = join(directory, 'data');
let server: Server | null = null;
try {
  server = await start();
  await server.stop();
  server = await start();
  const emptyMs = server.startMs;
  const emptyBytes = await server.restingBytes();
  const fillMs = await fill(server.url);
  await server.stop();
  server = await start();
  const perCode = ((await server.restingBytes()) - emptyBytes) / codes;
  process.exitCode = server.startMs <= START_MS_MAX && perCode <= BYTES_PER_CODE_MAX ? 0 : 1;
  print(
    `${codes} codes generated in ${seconds(fillMs)}; ${availableParallelism()} cores, Node ${process.versions.node}`,
  );
  print(
    `start to serving    ${seconds(server.startMs)} (at most ${seconds(START_MS_MAX)}); with nothing ${seconds(emptyMs)}`,
  );
  print(
    `memory of a code    ${perCode.toFixed(0)} bytes (at most ${BYTES_PER_CODE_MAX}) over ${(emptyBytes / 2 ** 20).toFixed(0)} MiB with nothing`,
  );
} finally {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}

/** Resolves when it says that it listens, which it does when all shards serve. */
async function start(): Promise<Server> {
  const beganMs = performance.now();
  const env = { ...process.env, NODE_ENV: 'development', PORT: '0', LOG_LEVEL: 'warn', DATA_DIR: dataDir };
  const child = spawn(process.execPath, ['dist/src/main.js'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const listening = /clipbook listening on (\S+)/.exec(printed)?.[1];
      if (listening !== undefined) resolve(listening);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
  const startMs = performance.now() - beganMs;
  return {
    url,
    startMs,
    restingBytes: () => resting(child.pid ?? 0),
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/**
 * The least of half a minute: V8 gives back what the start left behind when it has seen some
 * seconds of rest.
 */
async function resting(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let ms = 0; ms < REST_MS; ms += POLL_MS) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    least = Math.min(least, Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024);
  }
  return least;
}

/** Makes a book with so many codes; returns how long that took, in ms. */
async function fill(url: string): Promise<number> {
  const { accessToken } = await call(`${url}/api/v1/auth/token`, {}, ADMIN);
  const authorization = `Bearer ${accessToken}`;
  const book = await call(`${url}/api/v1/coupon-books`, { authorization }, { name: 'a start' });
  const beganMs = performance.now();
  const asked = await call(`${url}/api/v1/coupon-books/${book['id']}/generate`, { authorization }, { quantity: codes });
  if (asked['jobId'] === undefined) return performance.now() - beganMs;
  for (;;) {
    const job = await call(`${url}/api/v1/jobs/${asked['jobId']}`, { authorization });
    if (job['status'] === 'completed') return performance.now() - beganMs;
    if (job['status'] !== 'processing') throw new Error(`the codes were not made: ${JSON.stringify(job)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** POST with a body, GET without one. */
async function call(url: string, headers: Record<string, string>, body?: object): Promise<Record<string, unknown>> {
  const sent = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { ...headers, 'content-type': 'application/json' },
  };
  const answer = await fetch(url, body === undefined ? { headers } : sent);
  if (!answer.ok) throw new Error(`${url} got ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Record<string, unknown>;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
