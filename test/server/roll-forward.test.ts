/**
 * PostgreSQL comes out of a backup and lacks what happened since: the journal brings it forward,
 * with the codes that came in the meantime.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/compose/port-check.js';
import { type EmbeddedPostgres, startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { type Dump, dumpDatabase, restoreDatabase } from '../support/dump.js';
import { until } from '../support/probe.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';
import { verifyStores } from '../support/verification.js';

const MANY = 20_000;
const JOB_CODES = 60_000;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let dataDir: string;
let postgres: EmbeddedPostgres;
let server: Server;
let api: Api;

before(async () => {
  directory = await temporaryDirectory();
  dataDir = join(directory.path, 'data');
  const log = { info: () => undefined, warn: () => undefined };
  postgres = await startEmbedded({ dataDir: join(directory.path, 'own'), freePort, log });
  await start();
});

after(async () => {
  api.close();
  await server.kill();
  await postgres.stop();
  await directory.remove();
});

async function start(): Promise<void> {
  server = await startServer(dataDir, { DATABASE_URL: postgres.url, SHARDS: '2', SHARD_THREADS: '2' });
  api = await connect(server.url);
}

const ask = (method: string, path: string, body?: unknown, key?: string): Promise<Reply> =>
  api.call(method, path, body, key === undefined ? {} : { 'idempotency-key': key });

async function newBook(name: string): Promise<string> {
  const { status, body } = await ask('POST', '/coupon-books', { name, redeemableBy: 'bearer' });
  assert.equal(status, 201);
  return body.id;
}

async function ok(method: string, path: string, body?: unknown): Promise<Reply> {
  const reply = await ask(method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
  return reply;
}

const codesNamed = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(6, '0')}`);

async function ended(jobId: string): Promise<string> {
  let status = 'processing';
  await until(async () => {
    ({ status } = (await ok('GET', `/jobs/${jobId}`)).body);
    return status !== 'processing';
  }, 'the job ends');
  return status;
}

async function batchCount(): Promise<number> {
  const client = new pg.Client(postgres.url);
  await client.connect();
  try {
    return (await client.query('SELECT count(*)::int AS count FROM batches')).rows[0].count;
  } finally {
    await client.end();
  }
}

/** Every code of a book, with its status and user. */
async function codesOf(bookId: string): Promise<Map<string, string>> {
  const codes = new Map<string, string>();
  let cursor = '';
  do {
    const { body } = await ok('GET', `/coupon-books/${bookId}/codes?limit=1000${cursor}`);
    for (const { code, status, userId } of body.items) codes.set(code, `${status} ${userId}`);
    cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
  } while (cursor !== '');
  return codes;
}

/** As long as a key may be. */
const JOB_KEY = 'j'.repeat(255);
const jobBody = { quantity: JOB_CODES };

/** A backup while callers redeem and codes come in; and what comes after it. */
async function loadWithBackup(): Promise<{ dump: Dump; books: string[]; jobs: string[] }> {
  const [early, late] = [await newBook('early'), await newBook('late')];
  await ok('POST', `/coupon-books/${early}/codes`, { codes: codesNamed('EARLY', 500) });
  await ok('POST', `/coupon-books/${early}/generate`, { quantity: 40, codePattern: 'SMALL{NUMERIC:2}' });
  let isOver = false;
  const redeeming = (async () => {
    for (let n = 0; !isOver; n++)
      await ok('POST', `/coupons/EARLY-${String(n % 500).padStart(6, '0')}/redeem`, { userId: 'u' }).catch(
        () => undefined,
      );
  })();
  const uploading = ok('POST', `/coupon-books/${late}/codes`, { codes: codesNamed('DURING', MANY) });
  const dump = await dumpDatabase(postgres.url);
  await uploading;
  isOver = true;
  await redeeming;
  // Uploads of every size, some of whose codes exist.
  await ok('POST', `/coupon-books/${late}/codes`, { codes: [...codesNamed('EARLY', 5), ...codesNamed('FEW', 50)] });
  await ok('POST', `/coupon-books/${late}/codes`, { codes: [...codesNamed('FEW', 5), ...codesNamed('MANY', MANY)] });
  const made = await ok('POST', '/coupon-books', { name: 'made', initialCodes: codesNamed('INITIAL', 100) });
  // Of a small pattern some codes exist already: these were skipped, and others came in their
  // place.
  await ok('POST', `/coupon-books/${late}/codes`, { codes: ['SMALL07', 'SMALL70'] });
  await ok('POST', `/coupon-books/${early}/generate`, { quantity: 30, codePattern: 'SMALL{NUMERIC:2}' });
  await ok('POST', `/coupon-books/${early}/generate`, { quantity: 1000 });
  const job = await ask('POST', `/coupon-books/${early}/generate`, jobBody, JOB_KEY);
  assert.equal(await ended(job.body.jobId), 'completed');
  const sorted = await ok('POST', `/coupon-books/${early}/generate`, {
    quantity: 20_000,
    codePattern: 'MID{NUMERIC:6}',
  });
  assert.equal(await ended(sorted.body.jobId), 'completed');
  for (let n = 0; n < 200; n++) await ok('POST', '/coupons/assign', { couponBookId: early, userId: `user-${n}` });
  await ok('POST', '/coupons/MANY-000777/redeem', { userId: 'late' });
  await ok('POST', '/coupons/FEW-000040/redeem', { userId: 'late' });
  return { dump, books: [early, late, made.body.id], jobs: [job.body.jobId, sorted.body.jobId] };
}

describe('a PostgreSQL that is restored from a backup', () => {
  it('is brought forward by the journal, with all codes that came since, and each counter is used once', async () => {
    const { dump, books, jobs } = await loadWithBackup();
    await verifyStores(api);
    const before = await Promise.all(books.map(codesOf));
    const batches = await batchCount();
    api.close();
    await server.kill();
    await restoreDatabase(postgres.url, dump);
    const restored = await batchCount();
    assert.ok(restored < batches, 'the backup lacks batches');
    await start();
    const after = await Promise.all(books.map(codesOf));
    for (const [n, codes] of before.entries()) assert.deepEqual(after[n], codes);
    await verifyStores(api);
    const [early] = books;
    for (const jobId of jobs) assert.equal(await ended(jobId), 'completed', 'a job that made codes is known');
    const repeated = await ask('POST', `/coupon-books/${early}/generate`, jobBody, JOB_KEY);
    assert.deepEqual([repeated.body.jobId, repeated.headers['idempotency-replayed']], [jobs[0], 'true']);
    const reused = await ask('POST', `/coupon-books/${early}/generate`, { quantity: JOB_CODES + 1 }, JOB_KEY);
    assert.equal(reused.body.type, '/problems/idempotency-key-reused');
    // All that the pattern has left, and none of them twice.
    const left =
      100 -
      [...(before[0] as Map<string, string>).keys(), ...(before[1] as Map<string, string>).keys()].filter((code) =>
        /^SMALL\d\d$/.test(code),
      ).length;
    await ok('POST', `/coupon-books/${early}/generate`, { quantity: left, codePattern: 'SMALL{NUMERIC:2}' });
    assert.equal(
      (await ask('POST', `/coupon-books/${early}/generate`, { quantity: 1, codePattern: 'SMALL{NUMERIC:2}' })).status,
      422,
    );
    await verifyStores(api);
  });

  it('keeps the server from starting where codes are not kept, and names each batch that is lost', async () => {
    const bookId = await newBook('lost');
    const dump = await dumpDatabase(postgres.url);
    await ok('POST', `/coupon-books/${bookId}/codes`, { codes: codesNamed('LOST', 300) });
    await ok('POST', '/coupons/LOST-000001/redeem', { userId: 'ann' });
    api.close();
    await server.kill();
    await restoreDatabase(postgres.url, dump);
    const kept = join(dataDir, 'journal', 'batches');
    assert.ok(existsSync(kept) && readdirSync(kept).length > 0);
    rmSync(kept, { recursive: true });
    await assert.rejects(start(), (error: Error) => {
      assert.match(error.message, /the server ended with 2\d/);
      assert.match(
        error.message,
        new RegExp(`batch \\d+ of book ${bookId}, 300 codes, brought by \\S+ \\(its codes were not kept\\)`),
      );
      return true;
    });
  });
});
