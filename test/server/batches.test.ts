/**
 * Batches that a crash cut off, and batches that compete for codes. PostgreSQL is not the server's
 * own, so that it is there while the server is not: a test may hold up the projection, or catch a
 * batch whose rows are in and whose command is not.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { freePort } from '../../src/compose/port-check.js';
import { type EmbeddedPostgres, startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { until } from '../support/probe.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';
import { verifyStores } from '../support/verification.js';

const MANY = 150_000;
const JOB_CODES = 200_000;
const KEY_TTL_SECONDS = 30;
/** So long a commit of new rows is put off, and can be met by the test. */
const COMMIT_SLEEP_SECONDS = 1;

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let postgres: EmbeddedPostgres;
let sql: pg.Pool;
let server: Server;
let api: Api;
let bookCount = 0;

before(async () => {
  directory = await temporaryDirectory();
  const log = { info: () => undefined, warn: () => undefined };
  postgres = await startEmbedded({ dataDir: join(directory.path, 'own'), freePort, log });
  sql = new pg.Pool({ connectionString: postgres.url, max: 8 });
  sql.on('error', () => undefined);
  await start();
  await sql.query(`
    CREATE FUNCTION put_off() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(${COMMIT_SLEEP_SECONDS}); RETURN NULL; END $$`);
});

after(async () => {
  api.close();
  await server.stop();
  await sql.end();
  await postgres.stop();
  await directory.remove();
});

async function start(): Promise<void> {
  const env = {
    DATABASE_URL: postgres.url,
    SHARDS: '2',
    SHARD_THREADS: '1',
    IDEMPOTENCY_TTL_SECONDS: String(KEY_TTL_SECONDS),
  };
  server = await startServer(join(directory.path, 'data'), env);
  api = await connect(server.url);
}

async function kill(): Promise<void> {
  await server.kill();
  api.close();
}

const ask = async (method: string, path: string, body?: unknown, key?: string): Promise<Reply> =>
  api.call(method, path, body, key === undefined ? {} : { 'idempotency-key': key });

async function newBook(): Promise<string> {
  const { status, body } = await ask('POST', '/coupon-books', { name: `batches ${++bookCount}` });
  assert.equal(status, 201);
  return body.id;
}

const upload = (bookId: string, codes: readonly string[], key?: string): Promise<Reply> =>
  ask('POST', `/coupon-books/${bookId}/codes`, { codes }, key);
const totalOf = async (bookId: string): Promise<number> =>
  (await ask('GET', `/coupon-books/${bookId}`)).body.counts.total;
const codesNamed = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `${prefix}-${String(n).padStart(7, '0')}`);
const rowsLike = async (prefix: string): Promise<number> =>
  (await sql.query('SELECT count(*)::int AS count FROM codes WHERE code LIKE $1', [`${prefix}-%`])).rows[0].count;

const isProjected = async (): Promise<boolean> =>
  (await sql.query('SELECT FROM batches WHERE live_seq IS NULL')).rowCount === 0;

/**
 * Kills the server when the rows of `request`'s batch are committed and its command is not decided:
 * the table of codes is locked behind the transaction that puts them in, so that the shard can't
 * load them.
 */
async function killBetweenRowsAndCommand(request: () => Promise<Reply>): Promise<void> {
  await until(isProjected, 'what came before is projected');
  await sql.query('CREATE TRIGGER put_off AFTER INSERT ON batches FOR EACH ROW EXECUTE FUNCTION put_off()');
  const asked = request().catch(() => null);
  const isPuttingIn = async (): Promise<boolean> => {
    const { rowCount } = await sql.query(
      `SELECT FROM pg_locks WHERE relation = 'codes'::regclass AND mode = 'RowExclusiveLock' AND granted`,
    );
    return (rowCount ?? 0) > 0;
  };
  await until(isPuttingIn, 'rows are put in');
  const locker = await sql.connect();
  try {
    await locker.query('BEGIN; LOCK TABLE codes IN ACCESS EXCLUSIVE MODE');
    assert.equal(await isProjected(), false, 'the rows are in');
    await kill();
    assert.equal(await asked, null, 'nobody was answered');
  } finally {
    await locker.query('ROLLBACK; DROP TRIGGER put_off ON batches');
    locker.release();
  }
  await start();
}

describe('a server that is killed', () => {
  it('while live codes are not projected keeps them, also when the time of the job’s key is over', async () => {
    const bookId = await newBook();
    const jobOf = async () => (await ask('GET', `/jobs/${jobId}`)).body;
    // The projector waits here, and so does the one of the next process.
    const holder = await sql.connect();
    let jobId = '';
    let code = '';
    try {
      await holder.query('BEGIN; SELECT FROM checkpoints FOR UPDATE');
      jobId = (await ask('POST', `/coupon-books/${bookId}/generate`, { quantity: JOB_CODES })).body.jobId;
      await until(async () => (await totalOf(bookId)) === JOB_CODES, 'the codes are live');
      code = (await ask('POST', '/coupons/assign', { couponBookId: bookId, userId: 'ann' })).body.code;
      assert.equal((await ask('POST', `/coupons/${code}/redeem`, { userId: 'ann' })).status, 200);
      await kill();
      // As if the process had ended between the event and the note of it.
      await sql.query(`UPDATE jobs SET status = 'processing', finished_ms = NULL WHERE id = $1`, [jobId]);
      await new Promise((resolve) => setTimeout(resolve, KEY_TTL_SECONDS * 1000));
      await start();
      await until(async () => (await jobOf()).status !== 'processing', 'the job ends');
      assert.equal((await jobOf()).status, 'completed');
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
    }
    assert.equal(await totalOf(bookId), JOB_CODES);
    assert.equal((await ask('GET', `/coupons/code/${code}`)).body.status, 'redeemed');
    await until(isProjected, 'the projection goes on');
    await verifyStores(api);
  });

  it('between the rows of an upload and its command answers the same request as if nothing had happened', async () => {
    const bookId = await newBook();
    const codes = codesNamed('ADOPT', MANY);
    await killBetweenRowsAndCommand(() => upload(bookId, codes, 'adopt'));
    const again = await upload(bookId, codes, 'adopt');
    assert.deepEqual([again.status, again.body.added, again.body.duplicates], [200, MANY, 0]);
    assert.equal(await totalOf(bookId), MANY);
    const replayed = await upload(bookId, codes, 'adopt');
    assert.deepEqual([replayed.body, replayed.headers['idempotency-replayed']], [again.body, 'true']);
    await verifyStores(api);
  });

  it('between the rows of a new book’s codes and its command makes the book with them when it is asked again', async () => {
    const initialCodes = codesNamed('INITIAL', 1000);
    const create = () => ask('POST', '/coupon-books', { name: 'initial', initialCodes }, 'initial');
    await killBetweenRowsAndCommand(create);
    const { status, body } = await create();
    assert.deepEqual([status, body.counts.total], [201, 1000]);
    assert.deepEqual((await create()).body, body);
    await verifyStores(api);
  });

  it('between the rows of an upload and its command gives the codes to a request without a key, too', async () => {
    const bookId = await newBook();
    const codes = codesNamed('KEYLESS', MANY);
    await killBetweenRowsAndCommand(() => upload(bookId, codes));
    const again = await upload(bookId, codes);
    assert.deepEqual([again.status, again.body.added, again.body.duplicates], [200, MANY, 0]);
    await verifyStores(api);
  });

  it('between the rows of generated codes and their command adopts them when it is asked again', async () => {
    const bookId = await newBook();
    const generate = () =>
      ask('POST', `/coupon-books/${bookId}/generate`, { quantity: 90, codePattern: 'ADG{NUMERIC:2}' }, 'generate');
    await killBetweenRowsAndCommand(generate);
    assert.equal((await generate()).status, 201);
    assert.equal(await totalOf(bookId), 90);
    const more = await ask('POST', `/coupon-books/${bookId}/generate`, { quantity: 10, codePattern: 'ADG{NUMERIC:2}' });
    assert.equal(more.status, 201, 'no counter was lost');
    await verifyStores(api);
  });
});

describe('a server that is killed before the rows of generated codes are in', () => {
  it('gives their counters back at the next start, whether or not the request had a key', async () => {
    const bookId = await newBook();
    const generate = (quantity: number, key?: string) =>
      ask('POST', `/coupon-books/${bookId}/generate`, { quantity, codePattern: 'EARLY{NUMERIC:2}' }, key);
    const locker = await sql.connect();
    try {
      await locker.query('BEGIN; LOCK TABLE codes IN SHARE MODE');
      const asked = [generate(40, 'early'), generate(40)].map((request) => request.catch(() => null));
      const batches = async () =>
        (await sql.query("SELECT FROM reserved_counters WHERE holder LIKE 'batch %'")).rowCount ?? 0;
      await until(async () => (await batches()) === 2, 'both batches have their counters');
      await kill();
      assert.deepEqual(await Promise.all(asked), [null, null], 'nobody was answered');
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
    await start();
    assert.equal((await generate(100)).status, 201, 'every counter is free');
    await verifyStores(api);
  });
});

describe('a request that comes again after a crash', () => {
  it('with another body gets its own codes, and none of the first body’s', async () => {
    const bookId = await newBook();
    await killBetweenRowsAndCommand(() => upload(bookId, codesNamed('FIRST', 1000), 'other-body'));
    const codes = [...codesNamed('SECOND', 500), ...codesNamed('FIRST', 10)];
    const again = await upload(bookId, codes, 'other-body');
    assert.deepEqual([again.status, again.body.added, again.body.duplicates], [200, 510, 0]);
    assert.equal(await totalOf(bookId), 510);
    assert.equal(await rowsLike('FIRST'), 10);
    await verifyStores(api);
  });

  it('not at all leaves nothing when the time of its key is over; until then its codes are waited for', async () => {
    const [bookId, other] = [await newBook(), await newBook()];
    await killBetweenRowsAndCommand(() => upload(bookId, codesNamed('OPEN', 1000), 'never-again'));
    const refused = await upload(other, codesNamed('OPEN', 1));
    assert.deepEqual([refused.status, refused.body.type], [503, '/problems/unavailable']);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assert.equal(await rowsLike('OPEN'), 1000, 'and they stay');
    await until(async () => (await rowsLike('OPEN')) === 0, 'they are removed');
    assert.equal((await upload(other, codesNamed('OPEN', 1))).body.added, 1);
    await verifyStores(api);
  });
});

describe('uploads that bring the same codes at once', () => {
  it('share them out, and each code is in one book', async () => {
    const books = await Promise.all([newBook(), newBook(), newBook(), newBook()]);
    const codes = codesNamed('SHARED', 20_000);
    const replies = await Promise.all(books.map((bookId) => upload(bookId, codes)));
    assert.deepEqual(
      replies.map(({ status, body }) => [status, body.added + body.duplicates]),
      replies.map(() => [200, codes.length]),
    );
    const totals = await Promise.all(books.map(totalOf));
    assert.deepEqual(
      totals,
      replies.map(({ body }) => body.added),
    );
    assert.equal(
      totals.reduce((sum, total) => sum + total, 0),
      codes.length,
    );
    await verifyStores(api);
  });

  it('with the same key are one upload', async () => {
    const bookId = await newBook();
    const codes = codesNamed('SAMEKEY', 20_000);
    const replies = await Promise.all(Array.from({ length: 4 }, () => upload(bookId, codes, 'one-upload')));
    for (const { status, body } of replies) assert.deepEqual([status, body], [200, replies[0]?.body]);
    assert.deepEqual([replies[0]?.body.added, await totalOf(bookId)], [codes.length, codes.length]);
    await verifyStores(api);
  });
});
