/**
 * Bulk figures: `npm run bench:bulk [-- --rounds 3] [--ten-million] [--gigabyte]`.
 *
 * Every rate is compared with a COPY of the same rows, in their order, into an empty table of the
 * same definition in the same PostgreSQL, measured in the same round: the time that PostgreSQL
 * alone needs. Latencies are counted from when a request was due, so that one which waits behind a
 * stall is not hidden by a client that waits too.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { fromCommandLine, wholeNumber } from '../scripts/command-line.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const USAGE = `usage: npm run bench:bulk -- [options]
  --rounds 3      how often each way is measured
  --ten-million   also a book of ten million codes
  --gigabyte      also an upload of a gigabyte`;

const flags = fromCommandLine(USAGE, () => {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      'ten-million': { type: 'boolean', default: false },
      gigabyte: { type: 'boolean', default: false },
    },
  });
  return { ...values, rounds: wholeNumber('--rounds', values.rounds) };
});
const MILLION = 1_000_000;
const REDEEMS_PER_SECOND = 200;
const ALONE_SECONDS = 15;
/** Alone and beside. */
const REDEEMS_A_ROUND = 10_000;
/** Enough for as many assigns as are measured; a book of 1,000 would be empty in 100 ms. */
const SMALL_BOOK = 200_000;
const ASSIGN_SECONDS = 3;
const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789';

interface Server {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

let token = '';

async function startServer(dataDir: string): Promise<Server> {
  const env = { ...process.env, PORT: '0', LOG_LEVEL: 'warn', DATA_DIR: dataDir, NODE_ENV: 'development' };
  const child = spawn(process.execPath, ['dist/src/main.js'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] });
  const url = await listening(child);
  return {
    url,
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const url = /clipbook listening on (\S+)/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
}

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** `body` as JSON, or as CSV in pieces, each sent when the one before has gone. */
function call(
  server: Server,
  method: string,
  path: string,
  body?: object | Iterable<Buffer>,
  // A connection that was kept while this thread was busy for long may have been closed meanwhile.
  agent: Agent | false = false,
): Promise<Answer> {
  const isCsv = body !== undefined && Symbol.iterator in body;
  const type = body === undefined ? {} : { 'content-type': isCsv ? 'text/csv' : 'application/json' };
  const headers = { ...type, ...(token === '' ? {} : { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const sent = request(`${server.url}/api/v1${path}`, { method, agent, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: text === '' ? {} : JSON.parse(text) }),
      );
    });
    sent.on('error', reject);
    if (isCsv) void sendAll(sent, body).catch(reject);
    else sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function sendAll(sent: ReturnType<typeof request>, pieces: Iterable<Buffer>): Promise<void> {
  for (const piece of pieces) if (!sent.write(piece)) await once(sent, 'drain');
  sent.end();
}

async function expectStatus(status: number, answer: Promise<Answer>): Promise<Record<string, unknown>> {
  const got = await answer;
  if (got.status !== status) throw new Error(`got ${got.status}, not ${status}: ${JSON.stringify(got.body)}`);
  return got.body;
}

async function newBook(server: Server, settings: object = {}): Promise<string> {
  const body = await expectStatus(201, call(server, 'POST', '/coupon-books', { name: 'bulk', ...settings }));
  return String(body['id']);
}

function randomCodes(count: number): string[] {
  const codes: string[] = [];
  for (let i = 0; i < count; i++) {
    let code = '';
    for (const byte of randomBytes(19)) code += code.length % 5 === 4 ? '-' : ALPHABET.charAt(byte & 31);
    codes.push(code);
  }
  return codes;
}

function pieces(lines: readonly string[]): Buffer[] {
  const made: Buffer[] = [];
  for (let i = 0; i < lines.length; i += 2000) made.push(Buffer.from(`${lines.slice(i, i + 2000).join('\n')}\n`));
  return made;
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function databaseUrl(dataDir: string): string {
  const password = readFileSync(join(dataDir, 'postgres', 'password'), 'utf8').trim();
  const port = readFileSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[3];
  return `postgres://clipbook:${password}@127.0.0.1:${port}/clipbook`;
}

async function rawCopy(database: pg.Client, codes: readonly string[]): Promise<number> {
  await database.query('DROP TABLE IF EXISTS yardstick; CREATE TABLE yardstick (LIKE codes INCLUDING ALL); CHECKPOINT');
  const rows = pieces(codes.map((code, index) => `${code}\t1\t${index}`));
  const took = await seconds(
    () =>
      new Promise((resolve, reject) => {
        const stream = database.query(copyFrom('COPY yardstick (code, batch_id, ordinal) FROM STDIN'));
        stream.on('error', reject);
        stream.on('finish', resolve);
        void (async () => {
          for (const row of rows) if (!stream.write(row)) await once(stream, 'drain');
          stream.end();
        })().catch(reject);
      }),
  );
  await database.query('DROP TABLE yardstick');
  return took;
}

async function upload(
  server: Server,
  codes: readonly string[],
  // Made before anything is measured: it keeps this thread for a while.
  body: readonly Buffer[] = pieces(['code', ...codes]),
): Promise<number> {
  const bookId = await newBook(server);
  return seconds(async () => {
    const report = await expectStatus(200, call(server, 'POST', `/coupon-books/${bookId}/codes`, body));
    if (report['added'] !== codes.length) throw new Error(`added ${String(report['added'])}`);
    await expectStatus(200, call(server, 'POST', `/coupons/assign/${codes.at(-1)}`, { userId: 'last' }));
  });
}

async function generate(
  server: Server,
  quantity: number,
  settings: object = {},
): Promise<{ took: number; bookId: string }> {
  const bookId = await newBook(server, settings);
  const took = await seconds(async () => {
    const { jobId } = await expectStatus(202, call(server, 'POST', `/coupon-books/${bookId}/generate`, { quantity }));
    for (;;) {
      const job = await expectStatus(200, call(server, 'GET', `/jobs/${String(jobId)}`));
      if (job['status'] === 'completed') break;
      if (job['status'] !== 'processing') throw new Error(JSON.stringify(job));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await expectStatus(200, call(server, 'POST', '/coupons/assign', { couponBookId: bookId, userId: 'first' }));
  });
  return { took, bookId };
}

/** Redeems codes at a fixed rate until `isOver`; the latencies in ms. */
async function redeemSteadily(server: Server, codes: Iterator<string>, isOver: () => boolean): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 });
  const latencies: number[] = [];
  const underWay: Promise<void>[] = [];
  const began = performance.now();
  for (let i = 0; !isOver(); i++) {
    const dueMs = began + (i * 1000) / REDEEMS_PER_SECOND;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const { value } = codes.next();
    const redeemed = call(server, 'POST', `/coupons/${String(value)}/redeem`, { userId: `u${i}` }, agent);
    underWay.push(expectStatus(200, redeemed).then(() => void latencies.push(performance.now() - dueMs)));
  }
  await Promise.all(underWay);
  agent.destroy();
  return latencies.sort((a, b) => a - b);
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.floor(sorted.length * q)] ?? 0;
const median = (numbers: readonly number[]): number =>
  quantile(
    [...numbers].sort((a, b) => a - b),
    0.5,
  );

function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}

async function compareRates(server: Server, database: pg.Client, rounds: number): Promise<void> {
  const ratios: { upload: number[]; generate: number[] } = { upload: [], generate: [] };
  for (let round = 1; round <= rounds; round++) {
    const codes = randomCodes(MILLION);
    const raw = await rawCopy(database, codes);
    const uploaded = await upload(server, codes);
    const { took: generated } = await generate(server, MILLION);
    ratios.upload.push(raw / uploaded);
    ratios.generate.push(raw / generated);
    print(
      `round ${round}: raw COPY ${raw.toFixed(1)} s, upload ${uploaded.toFixed(1)} s, generate ${generated.toFixed(1)} s`,
    );
  }
  print(`upload   ${median(ratios.upload).toFixed(2)} of raw COPY (wanted 0.6)`);
  print(`generate ${median(ratios.generate).toFixed(2)} of raw COPY (wanted 0.6)`);
}

/**
 * In turn and repeated, as the rates are: a machine that stands still for 0.1 s spoils the p99 of
 * the ten seconds around it.
 */
async function compareLatencies(server: Server, rounds: number): Promise<void> {
  const codes = randomCodes(rounds * REDEEMS_A_ROUND);
  const bookId = await newBook(server, { redeemableBy: 'bearer' });
  await expectStatus(200, call(server, 'POST', `/coupon-books/${bookId}/codes`, pieces(codes)));
  const next = codes[Symbol.iterator]();
  const p99s: { alone: number[]; beside: number[] } = { alone: [], beside: [] };
  for (let round = 1; round <= rounds; round++) {
    const csv = randomCodes(MILLION);
    const body = pieces(['code', ...csv]);
    const until = performance.now() + ALONE_SECONDS * 1000;
    const alone = await redeemSteadily(server, next, () => performance.now() > until);
    let isOver = false;
    const bulk = upload(server, csv, body)
      .then(() => generate(server, MILLION))
      .finally(() => {
        isOver = true;
      });
    const beside = await redeemSteadily(server, next, () => isOver);
    await bulk;
    p99s.alone.push(quantile(alone, 0.99));
    p99s.beside.push(quantile(beside, 0.99));
    print(`round ${round}: redeem alone ${showLatencies(alone)}; beside bulk ${showLatencies(beside)}`);
  }
  const [alone, beside] = [median(p99s.alone), median(p99s.beside)];
  print(`p99 ${beside.toFixed(1)} ms beside ${alone.toFixed(1)}, ${(beside / alone).toFixed(1)} times (wanted 3)`);
}

const showLatencies = (sorted: readonly number[]): string =>
  `p50 ${quantile(sorted, 0.5).toFixed(1)} p99 ${quantile(sorted, 0.99).toFixed(1)} max ${(sorted.at(-1) ?? 0).toFixed(1)} ms`;

async function assignRate(server: Server, bookId: string): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 128 });
  const until = performance.now() + ASSIGN_SECONDS * 1000;
  let count = 0;
  const one = async (caller: number): Promise<void> => {
    while (performance.now() < until) {
      await expectStatus(
        200,
        call(server, 'POST', '/coupons/assign', { couponBookId: bookId, userId: `a${caller}` }, agent),
      );
      count++;
    }
  };
  await Promise.all(Array.from({ length: 32 }, (_, caller) => one(caller)));
  agent.destroy();
  return count / ASSIGN_SECONDS;
}

async function tenMillion(dataDir: string): Promise<void> {
  await restart(dataDir);
  const empty = residentBytes(server.pid);
  const { took, bookId } = await generate(server, 10 * MILLION);
  print(
    `10,000,000 generated in ${took.toFixed(0)} s; RSS grew by ${((residentBytes(server.pid) - empty) / 10 / MILLION).toFixed(0)} bytes a code`,
  );
  const down = await seconds(() => restart(dataDir));
  print(`restart to serving ${down.toFixed(1)} s, the stop included (wanted 60)`);
  print(
    `RSS after it ${((residentBytes(server.pid) - empty) / 10 / MILLION).toFixed(0)} bytes a code over before (wanted 100)`,
  );
  await compareBooks(server, bookId);
}

/**
 * Both in one server, in turn: one that has just started answers more slowly, whatever is in it.
 */
async function compareBooks(server: Server, bigBook: string): Promise<void> {
  const { bookId: smallBook } = await generate(server, SMALL_BOOK);
  const [small, big]: [number[], number[]] = [[], []];
  await assignRate(server, bigBook);
  for (let round = 1; round <= 3; round++) {
    small.push(await assignRate(server, smallBook));
    big.push(await assignRate(server, bigBook));
  }
  print(
    `assign ${median(big).toFixed(0)}/s, from a book of 200,000 ${median(small).toFixed(0)}/s (32 callers, this client's limit)`,
  );
}

/** `server` is the one that runs, whatever fails. */
async function restart(dataDir: string): Promise<void> {
  await server.stop();
  server = await startServer(dataDir);
}

/** A file of wide rows: the code, and a kilobyte of what else a shop keeps. */
function* gigabyte(): Generator<Buffer> {
  const rest = 'x'.repeat(1002);
  yield Buffer.from('code,note\n');
  for (let i = 0; i < 1024; i++) yield Buffer.from(`${randomCodes(1024).join(`,${rest}\n`)},${rest}\n`);
}

async function uploadGigabyte(server: Server): Promise<void> {
  const bookId = await newBook(server);
  const empty = residentBytes(server.pid);
  let most = empty;
  const timer = setInterval(() => {
    most = Math.max(most, residentBytes(server.pid));
  }, 100);
  const took = await seconds(() =>
    expectStatus(200, call(server, 'POST', `/coupon-books/${bookId}/codes`, gigabyte())),
  );
  clearInterval(timer);
  print(
    `1 GiB with 1,048,576 codes in ${took.toFixed(0)} s; RSS grew by ${((most - empty) / 2 ** 20).toFixed(0)} MiB at most (wanted 200)`,
  );
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

const directory = mkdtempSync(join(tmpdir(), 'clipbook-bulk-'));
// PostgreSQL may run as another user, which needs access to the directory.
chmodSync(directory, 0o755);
const dataDir = join(directory, 'data');
if (spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' }).status !== 0)
  throw new Error('the build failed');
let server = await startServer(dataDir);
try {
  const credentials = { email: 'admin@admin.com', password: 'Password1' };
  token = String((await expectStatus(200, call(server, 'POST', '/auth/token', credentials)))['accessToken']);
  const database = new pg.Client(databaseUrl(dataDir));
  // The server takes its database down with it.
  database.on('error', () => undefined);
  await database.connect();
  await compareRates(server, database, flags.rounds);
  await database.end();
  await compareLatencies(server, flags.rounds);
  if (flags.gigabyte) await uploadGigabyte(server);
  if (flags['ten-million']) await tenMillion(dataDir);
} finally {
  await server.stop();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
}
