import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { connect } from '../../src/postgres/connection.js';
import { copyFramesIn, copyFramesOut, FRAME_HEAD_BYTES } from '../../src/postgres/copy/copy-frames.js';
import { testServer } from './server.js';

const server = testServer();

async function open(t: { after(work: () => Promise<unknown>): void }): Promise<pg.Client> {
  const { url } = await server.database();
  const client = await connect(url);
  t.after(() => client.end());
  return client;
}

/** A connection whose socket lends nothing, as over TLS. */
async function openPlain(t: { after(work: () => Promise<unknown>): void }): Promise<pg.Client> {
  const { url } = await server.database();
  const client = new pg.Client(url);
  await client.connect();
  t.after(() => client.end());
  return client;
}

/** The payloads of whole messages. */
function payloads(frames: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < frames.length; ) {
    assert.equal(frames[at], 'd'.charCodeAt(0));
    const end = at + 1 + frames.readInt32BE(at + 1);
    found.push(frames.toString('utf8', at + FRAME_HEAD_BYTES, end));
    at = end;
    assert.ok(at <= frames.length, 'messages are whole');
  }
  return found;
}

async function isGood(client: pg.Client): Promise<void> {
  assert.deepEqual((await client.query('SELECT 7 AS seven')).rows, [{ seven: 7 }]);
}

for (const [what, select, expected] of [
  ['no row', 'SELECT 1 WHERE false', []],
  ['rows', 'SELECT * FROM generate_series(1, 30000)', Array.from({ length: 30_000 }, (_, n) => `${n + 1}\n`)],
  [
    'rows larger than what a socket gives at once',
    `SELECT repeat('x', 300000) FROM generate_series(1, 5)`,
    Array(5).fill(`${'x'.repeat(300_000)}\n`),
  ],
] as const) {
  for (const [how, openOne] of [
    ['lent', open],
    ['in buffers of their own', openPlain],
  ] as const) {
    test(`out: ${what}, ${how}`, async (t) => {
      const client = await openOne(t);
      // Twice: what is left of the first time must not be in the way.
      for (let time = 0; time < 2; time++) {
        const found: string[] = [];
        const rows = await copyFramesOut(client, `COPY (${select}) TO STDOUT`, async (frames) => {
          // What is lent is still the same when the taker comes back to it.
          if (frames.length > 60_000) await new Promise((resolve) => setTimeout(resolve, 1));
          found.push(...payloads(frames));
        });
        assert.equal(rows, expected.length);
        assert.deepEqual(found, expected);
        await isGood(client);
      }
    });
  }
}

test('out: a slow receiver is waited for', async (t) => {
  const client = await open(t);
  let under = 0;
  let most = 0;
  let bytes = 0;
  await copyFramesOut(client, 'COPY (SELECT * FROM generate_series(1, 100000)) TO STDOUT', async (frames) => {
    most = Math.max(most, ++under);
    await new Promise((resolve) => setTimeout(resolve, 2));
    bytes += payloads(frames).join('').length;
    under--;
  });
  assert.equal(most, 1);
  assert.equal(bytes, 588_895);
});

test('out: a failure of either side in the middle rejects, and the connection stays usable', async (t) => {
  const client = await open(t);
  const broken = copyFramesOut(
    client,
    'COPY (SELECT 1 / (5000 - n) FROM generate_series(1, 9000) n) TO STDOUT',
    () => undefined,
  );
  await assert.rejects(broken, /division by zero/);
  await isGood(client);
  let calls = 0;
  const refused = copyFramesOut(client, 'COPY (SELECT * FROM generate_series(1, 100000)) TO STDOUT', () => {
    calls++;
    throw new Error('not that one');
  });
  await assert.rejects(refused, /not that one/);
  assert.equal(calls, 1);
  await isGood(client);
  await assert.rejects(
    copyFramesOut(client, 'COPY nothing TO STDOUT', () => undefined),
    /does not exist/,
  );
  await isGood(client);
});

test('from one connection into another', async (t) => {
  const [reader, writer] = [await open(t), await open(t)];
  await writer.query('CREATE TABLE numbers (n int PRIMARY KEY)');
  const select = 'COPY (SELECT * FROM generate_series(1, 200000)) TO STDOUT (FORMAT binary)';
  const into = await copyFramesIn(writer, 'COPY numbers FROM STDIN (FORMAT binary)');
  assert.equal(await copyFramesOut(reader, select, into.writeLent), 200_000);
  assert.equal(await into.end(), 200_000);
  const { rows } = await writer.query('SELECT count(*)::int AS count, sum(n)::float8 AS sum FROM numbers');
  assert.deepEqual(rows, [{ count: 200_000, sum: 20_000_100_000 }]);
  // All of it is there already: refused at the first row, both sides hear of it, and the rest is
  // read and goes nowhere.
  const again = await copyFramesIn(writer, 'COPY numbers FROM STDIN (FORMAT binary)');
  await assert.rejects(copyFramesOut(reader, select, again.writeLent), /duplicate key/);
  await assert.rejects(again.end(), /duplicate key/);
  await isGood(writer);
  await isGood(reader);
  await assert.rejects(copyFramesIn(writer, 'COPY nothing FROM STDIN'), /does not exist/);
  await isGood(writer);
});

test('a connection that is lost in the middle rejects', async (t) => {
  const { url, sql } = await server.database();
  const client = await connect(url);
  t.after(() => client.end());
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  let killed: Promise<unknown> | null = null;
  const reading = copyFramesOut(client, 'COPY (SELECT * FROM generate_series(1, 50000000)) TO STDOUT', () => {
    killed ??= sql.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
    return undefined;
  });
  await assert.rejects(reading, /terminat/);
  await killed;
});
