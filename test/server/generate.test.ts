/**
 * Generated codes to the last one of their pattern: what is refused, cancelled or cut off by a
 * crash gives its counters back, and none is used twice.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import pg from 'pg';
import { seededRandom } from '../simulator/seeded-random.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { postgresUrl, signalPostgres } from '../support/postgres.js';
import { until } from '../support/probe.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory } from '../support/server.js';

/** Of the random test: how much it does, and where it begins. */
const ROUNDS = Number(process.env['GENERATE_ROUNDS'] ?? 6);
const SEED = Number(process.env['GENERATE_SEED'] ?? 14);

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let dataDir: string;
let server: Server;
let api: Api;
let bookCount = 0;

before(async () => {
  directory = await temporaryDirectory();
  dataDir = join(directory.path, 'data');
  await start();
});

after(async () => {
  api.close();
  await server.stop();
  await directory.remove();
});

async function start(): Promise<void> {
  server = await startServer(dataDir, { SHARDS: '2', SHARD_THREADS: '1' }, PROBED_MAIN);
  api = await connect(server.url);
}

async function restart(): Promise<void> {
  await server.kill();
  api.close();
  await start();
}

async function newBook(codePattern?: string): Promise<string> {
  const settings = { name: `generate ${++bookCount}`, ...(codePattern === undefined ? {} : { codePattern }) };
  const { status, body } = await api.call('POST', '/coupon-books', settings);
  assert.equal(status, 201);
  return body.id;
}

const generate = (bookId: string, quantity: number, codePattern?: string, key?: string): Promise<Reply> =>
  api.call(
    'POST',
    `/coupon-books/${bookId}/generate`,
    { quantity, ...(codePattern === undefined ? {} : { codePattern }) },
    key === undefined ? {} : { 'idempotency-key': key },
  );
const upload = (bookId: string, codes: readonly string[]): Promise<Reply> =>
  api.call('POST', `/coupon-books/${bookId}/codes`, { codes });
const jobOf = async (jobId: string) => (await api.call('GET', `/jobs/${jobId}`)).body;
const cancel = (jobId: string): Promise<Reply> => api.call('DELETE', `/jobs/${jobId}`);

async function ended(jobId: string) {
  await until(async () => (await jobOf(jobId)).status !== 'processing', 'the job ends');
  return jobOf(jobId);
}

async function codesOf(bookId: string): Promise<string[]> {
  const codes: string[] = [];
  let cursor = '';
  do {
    const { body } = await api.call('GET', `/coupon-books/${bookId}/codes?limit=1000${cursor}`);
    codes.push(...body.items.map(({ code }: { code: string }) => code));
    cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
  } while (cursor !== '');
  return codes;
}

async function sql<T extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<T[]> {
  const client = new pg.Client(postgresUrl(dataDir));
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text, [...values])).rows;
  } finally {
    await client.end();
  }
}

/**
 * Nothing is reserved, and there are no codes that are not live. A batch without a size has none.
 */
async function assertNothingIsLeft(): Promise<void> {
  let left: unknown;
  const isNothingLeft = async (): Promise<boolean> => {
    const rows = await sql<{ holder: string; size: number | null }>(`
      SELECT holder, NULL AS size FROM reserved_counters
      UNION ALL
      SELECT 'batch ' || batch_id, size FROM batches WHERE live_seq IS NULL AND size IS NOT NULL`);
    left = rows;
    return rows.length === 0;
  };
  // Of what is live, the projection tells a moment later.
  await until(isNothingLeft, 'nothing is left').catch(() => assert.deepEqual(left, [], 'nothing is left'));
}

const detailOf = ({ body }: Reply): string => body.detail;

describe('generating codes of a small pattern', () => {
  it('is refused when too few are free, and what is refused uses none of them up', async () => {
    const bookId = await newBook();
    const ask = (quantity: number) => generate(bookId, quantity, 'XQZ-{NUMERIC:1}');
    assert.equal((await ask(8)).status, 201);
    const refused = await ask(8);
    assert.equal(refused.status, 422);
    assert.match(detailOf(refused), /has 10 possibilities, of which 2 are free, and 8 were asked for/);
    assert.equal((await ask(2)).status, 201);
    assert.match(detailOf(await ask(1)), /of which 0 are free/);
    assert.equal(new Set(await codesOf(bookId)).size, 10);
  });

  it('tells how many are free also where codes of the pattern came in by hand or are in another book', async () => {
    const [bookId, other] = [await newBook(), await newBook()];
    assert.equal((await upload(other, ['HND-0', 'HND-4', 'HND-9'])).status, 200);
    const ask = (book: string, quantity: number) => generate(book, quantity, 'HND-{NUMERIC:1}');
    for (const quantity of [8, 9, 10, 20]) {
      assert.match(detailOf(await ask(bookId, quantity)), /of which 7 are free/, `${quantity} were asked for`);
    }
    assert.equal((await ask(other, 4)).status, 201);
    assert.match(detailOf(await ask(bookId, 4)), /of which 3 are free/);
    assert.equal((await ask(bookId, 3)).status, 201);
    assert.match(detailOf(await ask(bookId, 1)), /of which 0 are free/);
    assert.match(detailOf(await ask(other, 1)), /of which 0 are free/);
    const codes = [...(await codesOf(bookId)), ...(await codesOf(other))];
    assert.deepEqual([codes.length, new Set(codes).size], [10, 10]);
  });

  it('gives all of them away to many who ask at once, each once, and refuses the rest', async () => {
    const bookId = await newBook();
    const replies = await Promise.all(Array.from({ length: 40 }, () => generate(bookId, 7, 'ONCE-{NUMERIC:2}')));
    const statuses = replies.map(({ status }) => status);
    assert.deepEqual(
      [statuses.filter((status) => status === 201).length, new Set(statuses)],
      [14, new Set([201, 422])],
    );
    const codes = await codesOf(bookId);
    assert.deepEqual([codes.length, new Set(codes).size], [98, 98]);
    assert.equal((await generate(bookId, 2, 'ONCE-{NUMERIC:2}')).status, 201);
  });

  it('answers a repeated request again, also when the first one took the last codes, and while that is under way', async () => {
    const bookId = await newBook();
    const ask = () => generate(bookId, 8, 'REP-{NUMERIC:1}', 'the-same');
    const replies = await Promise.all([ask(), ask(), ask()]);
    const again = await ask();
    for (const { status, body } of [...replies, again]) assert.deepEqual([status, body], [201, replies[0]?.body]);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    assert.equal((await codesOf(bookId)).length, 8);
    assert.equal((await generate(bookId, 2, 'REP-{NUMERIC:1}')).status, 201);
  });
});

describe('a job that is cancelled', () => {
  const LONG = 3_000_000;
  const SHORT = 10_001;

  /** As many as the pattern has left, by a job that must not find one too few. */
  async function allCanBeMade(bookId: string, pattern: string, quantity: number): Promise<void> {
    const { body } = await generate(bookId, quantity, pattern);
    const job = await ended(body.jobId);
    assert.deepEqual([job.status, job.error], ['completed', undefined]);
    const { counts } = (await api.call('GET', `/coupon-books/${bookId}`)).body;
    assert.equal(counts.total, quantity);
    await assertNothingIsLeft();
  }

  it('while it waits in the line ends at once, and nothing of it stays', async () => {
    const [busy, bookId] = [await newBook(), await newBook()];
    const running = [await generate(busy, LONG), await generate(busy, LONG)];
    await until(async () => (await jobOf(running[1]?.body.jobId)).done > 0, 'both run');
    const { body } = await generate(bookId, SHORT, 'WT{NUMERIC:5}');
    const answer = await cancel(body.jobId);
    assert.deepEqual([answer.status, answer.body.status], [202, 'cancelled']);
    for (const { body: job } of running) {
      assert.equal((await jobOf(job.jobId)).status, 'processing', 'the others go on');
      assert.equal((await cancel(job.jobId)).status, 202);
    }
    await allCanBeMade(bookId, 'WT{NUMERIC:5}', 100_000);
  });

  it('while its codes are made and staged leaves neither codes nor counters', async () => {
    for (const [pattern, total] of [
      ['ST{NUMERIC:6}', 1_000_000],
      // Wide enough to go straight into the table.
      [undefined, LONG],
    ] as const) {
      const bookId = await newBook();
      const { body } = await generate(bookId, total, pattern);
      await until(async () => (await jobOf(body.jobId)).done > 0, 'it makes codes');
      const answer = await cancel(body.jobId);
      assert.deepEqual([answer.status, answer.body.status], [202, 'cancelled']);
      const again = await cancel(body.jobId);
      assert.deepEqual([again.status, again.body], [202, answer.body], 'cancelling again changes nothing');
      assert.deepEqual(await codesOf(bookId), []);
      await assertNothingIsLeft();
      if (pattern !== undefined) await allCanBeMade(bookId, pattern, 20_000);
    }
  });

  it('at its end is either cancelled, with nothing left, or completed, with all of its codes, and the answer says which', async () => {
    let cancelled = 0;
    let completed = 0;
    // Closes in on the moment of its end, from both sides.
    let pauseMs = 50;
    for (let tries = 0; cancelled < 4 || completed < 4; tries++) {
      assert.ok(tries < 60, `only ${cancelled} were cancelled, and ${completed} completed`);
      const bookId = await newBook();
      const pattern = `EN${tries}-{NUMERIC:5}`;
      const { body } = await generate(bookId, SHORT, pattern);
      await until(async () => {
        const { status, done } = await jobOf(body.jobId);
        return status !== 'processing' || done > 0;
      }, 'its codes are made');
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const answer = await cancel(body.jobId);
      const codes = await codesOf(bookId);
      if (answer.status === 202) {
        cancelled++;
        pauseMs = pauseMs * 1.5 + 5;
        assert.deepEqual([codes.length, (await jobOf(body.jobId)).status], [0, 'cancelled']);
      } else {
        completed++;
        pauseMs /= 1.5;
        assert.deepEqual([answer.status, answer.body.type], [409, '/problems/job-over']);
        assert.deepEqual([new Set(codes).size, (await jobOf(body.jobId)).status], [SHORT, 'completed']);
      }
      assert.equal((await generate(bookId, 1, pattern)).status, 201);
    }
    await assertNothingIsLeft();
  });

  it('while its command can not be answered is cancelled or completed once the shard is back', async () => {
    const bookId = await newBook();
    const pattern = 'CO{NUMERIC:5}';
    const { body } = await generate(bookId, SHORT, pattern);
    await until(async () => (await jobOf(body.jobId)).done >= SHORT, 'its codes are staged, or nearly');
    await server.ask({ ask: 'killShardThread', thread: 0 });
    const answer = await cancel(body.jobId);
    assert.ok(answer.status === 202 || answer.status === 409, JSON.stringify(answer.body));
    await until(async () => (await server.ask({ ask: 'statuses' })).join() === 'serving', 'it is back');
    const { status, error } = await jobOf(body.jobId);
    assert.deepEqual([status, error], [answer.status === 202 ? 'cancelled' : 'completed', undefined]);
    assert.equal((await codesOf(bookId)).length, answer.status === 202 ? 0 : SHORT);
    await assertNothingIsLeft();
  });

  it('that waits for its shard goes on when the shard is back', async () => {
    const bookId = await newBook();
    const { body } = await generate(bookId, SHORT, 'WA{NUMERIC:5}');
    await until(async () => (await jobOf(body.jobId)).done >= SHORT, 'its codes are staged, or nearly');
    await server.ask({ ask: 'killShardThread', thread: 0 });
    const { status, error } = await ended(body.jobId);
    assert.deepEqual([status, error], ['completed', undefined]);
    assert.equal((await codesOf(bookId)).length, SHORT);
    await assertNothingIsLeft();
  });

  it('that is unknown is not found', async () => {
    assert.equal((await cancel('01900000-0000-7000-8000-000000000000')).status, 404);
  });
});

describe('a job that fails', () => {
  it('since too many of its codes exist says how many are free, and gives all of its counters back', async () => {
    const [bookId, other] = [await newBook(), await newBook()];
    const pattern = 'FA{NUMERIC:5}';
    assert.equal((await ended((await generate(other, 95_000, pattern)).body.jobId)).status, 'completed');
    const job = await ended((await generate(bookId, 20_000, pattern)).body.jobId);
    assert.equal(job.status, 'failed');
    assert.match(job.error, /has 100000 possibilities, of which 5000 are free, and 20000 were asked for/);
    await assertNothingIsLeft();
    assert.equal((await generate(bookId, 5_001, pattern)).status, 422);
    assert.equal((await generate(bookId, 5_000, pattern)).status, 201);
  });

  it('since its book is archived under it leaves nothing', async () => {
    const bookId = await newBook();
    const { body } = await generate(bookId, 300_000);
    assert.equal((await api.call('DELETE', `/coupon-books/${bookId}`)).status, 204);
    const job = await ended(body.jobId);
    assert.deepEqual([job.status, job.error], ['failed', 'This book is archived and takes no more changes.']);
    assert.equal((await cancel(body.jobId)).status, 409);
    await assertNothingIsLeft();
  });
});

describe('a server that is killed', () => {
  it('while codes are generated gives back what did not become live, whatever it was doing', async () => {
    const bookId = await newBook();
    for (let round = 0; round < 3; round++) {
      const under = Array.from({ length: 12 }, () => generate(bookId, 9, 'KILL{NUMERIC:3}').catch(() => null));
      await new Promise((resolve) => setTimeout(resolve, round * 10));
      await restart();
      await Promise.all(under);
    }
    const made = await codesOf(bookId);
    assert.equal(made.length % 9, 0, 'each generation is there wholly or not at all');
    assert.equal((await generate(bookId, 1000 - made.length, 'KILL{NUMERIC:3}')).status, 201);
    assert.equal(new Set(await codesOf(bookId)).size, 1000);
    await assertNothingIsLeft();
  });

  it('after a job’s codes went live keeps them, even when the job’s key is forgotten and nothing was projected', async () => {
    const bookId = await newBook();
    const { body } = await generate(bookId, 50_000);
    assert.equal((await ended(body.jobId)).status, 'completed');
    // As if the process had ended between the event and the note of it, and the restart came after
    // the key's time.
    await sql(`DELETE FROM remembered_keys`);
    await sql(`UPDATE jobs SET status = 'processing', finished_ms = NULL WHERE id = $1`, [body.jobId]);
    await restart();
    assert.equal((await ended(body.jobId)).status, 'completed');
    assert.equal((await api.call('GET', `/coupon-books/${bookId}`)).body.counts.total, 50_000);
  });

  it('leaves rows that no journal knows to whoever brings the codes, or removes them at the next start', async () => {
    const bookId = await newBook();
    const codes = Array.from({ length: 50 }, (_, n) => `LEFT-${n}`);
    const leave = async (batchId: number): Promise<void> => {
      await sql('INSERT INTO codes (code, batch_id, ordinal) SELECT code, $1, 0 FROM unnest($2::text[]) AS u (code)', [
        batchId,
        codes,
      ]);
      await sql(
        `INSERT INTO batches (batch_id, shard, book_id, staged_ms, size, count, first_block, last_block)
         SELECT $1, 0, $2, 1, 50, 50, min((ctid::text::point)[0])::int, max((ctid::text::point)[0])::int
         FROM codes WHERE code = ANY($3)`,
        [batchId, bookId, codes],
      );
    };
    await leave(1_000_000);
    await restart();
    await until(
      async () => (await sql('SELECT FROM codes WHERE code = ANY($1)', [codes])).length === 0,
      'they are removed',
    );
    await leave(1_000_001);
    assert.equal((await upload(bookId, codes)).body.added, 50);
    assert.equal((await sql('SELECT FROM batches WHERE batch_id = 1000001')).length, 0);
  });
});

describe('codes generated, cancelled, refused and cut off at random', () => {
  it('come in the end to exactly what the pattern has, each once', async (t) => {
    t.diagnostic(`GENERATE_SEED=${SEED} GENERATE_ROUNDS=${ROUNDS}`);
    const { below } = seededRandom(SEED);
    const patterns = [
      { pattern: 'AB{NUMERIC:2}', size: 100 },
      { pattern: 'C{NUMERIC:1}D{NUMERIC:2}', size: 1000 },
      { pattern: 'LARGE{NUMERIC:5}', size: 100_000 },
    ];
    const books = [await newBook(), await newBook()];
    assert.equal((await upload(books[0] as string, ['AB07', 'AB70', 'C1D23'])).status, 200);
    const jobs: string[] = [];
    const repeatable: (() => Promise<Reply>)[] = [];

    const act = async (): Promise<void> => {
      const { pattern, size } = patterns[below(patterns.length)] as (typeof patterns)[number];
      const bookId = books[below(books.length)] as string;
      if (size === 100_000) {
        const { body } = await generate(bookId, 10_001 + below(8_000), pattern);
        if (body.jobId === undefined) return;
        jobs.push(body.jobId);
        if (below(3) > 0) await cancel(body.jobId);
        return;
      }
      const quantity = 1 + below(size / 4);
      const key = below(3) === 0 ? `key-${below(1000)}` : undefined;
      const request = () => generate(bookId, quantity, pattern, key);
      if (key !== undefined) repeatable.push(request);
      await request();
    };

    for (let round = 0; round < ROUNDS; round++) {
      const acts = Array.from({ length: 10 }, () => act().catch(() => undefined));
      switch (round % 3) {
        case 0:
          await new Promise((resolve) => setTimeout(resolve, below(300)));
          await restart();
          break;
        case 1:
          await new Promise((resolve) => setTimeout(resolve, below(100)));
          await server.ask({ ask: 'killShardThread', thread: 0 });
          break;
        default:
          await new Promise((resolve) => setTimeout(resolve, below(200)));
          signalPostgres(dataDir, 'SIGKILL');
      }
      await Promise.all(acts);
      await until(async () => (await server.ask({ ask: 'statuses' })).join() === 'serving', 'the shards serve');
      await until(
        () =>
          sql('SELECT').then(
            () => true,
            () => false,
          ),
        'PostgreSQL serves',
      );
    }
    for (const jobId of jobs) await ended(jobId);
    // A batch that has a key and all of its rows is kept for the repeated request.
    for (const request of repeatable) {
      await until(async () => (await request()).status !== 503, 'the repeated request is answered');
    }
    await assertNothingIsLeft();

    for (const { pattern, size } of patterns) {
      const isOurs = new RegExp(`^${pattern.replace(/\{NUMERIC:(\d)\}/g, '\\d{$1}')}$`);
      const all = async () => (await Promise.all(books.map(codesOf))).flat().filter((code) => isOurs.test(code));
      const made = await all();
      const left = size - made.length;
      for (const bookId of books) {
        const tooMany = await generate(bookId, left + 1, pattern);
        if (left < 10_000) assert.match(detailOf(tooMany), new RegExp(`of which ${left} are free`), pattern);
        else if (tooMany.status !== 422) {
          assert.match((await ended(tooMany.body.jobId)).error, new RegExp(`of which ${left} are free`), pattern);
        }
      }
      if (left > 0) {
        const { body } = await generate(books[0] as string, left, pattern);
        if (body.jobId !== undefined) assert.equal((await ended(body.jobId)).status, 'completed');
      }
      const codes = await all();
      assert.deepEqual([codes.length, new Set(codes).size], [size, size], pattern);
    }
    await assertNothingIsLeft();
  });
});
