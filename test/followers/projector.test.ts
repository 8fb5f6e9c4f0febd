import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Change, lastSeqOf } from '../../src/domain/event.js';
import { asSeq, asShardId, type ShardId } from '../../src/domain/ids.js';
import { createStuckShards } from '../../src/engine/stuck-shards.js';
import { createWatermarks, type Watermarks } from '../../src/engine/watermarks.js';
import { createFeed } from '../../src/feed/feed.js';
import { createProjector, type Projector } from '../../src/followers/projector.js';
import { encodeChanges } from '../../src/journal/codec.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { createJournalMarksBuffer } from '../../src/journal/file/watermarks.js';
import type { JournalWriter } from '../../src/journal/journal.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { waitFor } from '../journal/wait-for.js';
import { AT_MS, BOOK, changeLog, SHARD } from '../postgres/changes.js';
import { projectBook } from '../postgres/project-book.js';
import { SHARDS, silent, testServer } from '../postgres/server.js';

const EVENTS_PER_SECOND = 50_000;
/**
 * A drop of which much less than this is projected; and of which this much has to be seen before
 * anything is said.
 */
const DROP_EVENTS = 200_000;

/** Of `projectBook`. */
const BOOK_EVENTS = 2;

const server = testServer();

interface Rig {
  readonly journal: ReturnType<typeof openFileJournal>;
  readonly checkpoints: Watermarks;
  readonly projector: Projector;
  run(): void;
}

/**
 * A projector between a journal of files and PostgreSQL; it runs from `run` to the end of the test.
 */
async function rig(t: TestContext, url: string): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-projector-'));
  const shared = createJournalMarksBuffer();
  const journal = openFileJournal({ directory, shared });
  const checkpoints = createWatermarks();
  const projector = createProjector({
    shards: Array.from({ length: SHARDS }, (_, shard) => asShardId(shard)),
    feed: createFeed(await journal.openReader()),
    writer: createProjectionWriter({ url, shardCount: SHARDS }),
    checkpoints,
    stuck: createStuckShards(),
    nowMs: Date.now,
    idempotencyTtlMs: 86_400_000,
    onEnd: ({ message }) => assert.fail(message),
    log: silent,
  });
  let ran: Promise<void> | null = null;
  const run = (): void => {
    ran = projector.run();
  };
  t.after(async () => {
    await projector.stop(1000);
    await ran;
    await journal.close();
    rmSync(directory, { recursive: true });
  });
  return { journal, checkpoints, projector, run };
}

function append(writer: JournalWriter, shard: ShardId, changes: readonly Change[]): Promise<void> {
  const [first, last] = [changes[0] as Change, changes.at(-1) as Change];
  const entry = { shard, firstSeq: first.firstSeq, lastSeq: lastSeqOf(last), payload: encodeChanges(changes) };
  return new Promise((resolve, reject) =>
    writer.append([entry], (error) => (error === null ? resolve() : reject(error))),
  );
}

test('a checkpoint is published when its batch is in PostgreSQL, not before', async (t) => {
  const { url, sql } = await server.database();
  const { journal, checkpoints, run } = await rig(t, url);
  const writer = await journal.openWriter([SHARD]);
  await append(writer, SHARD, [changeLog().add([{ kind: 'noted', scopeId: BOOK }])]);
  // Holds the batch up for as long as the transaction is open.
  const blocker = await sql.connect();
  try {
    await blocker.query('BEGIN; LOCK TABLE changes IN EXCLUSIVE MODE');
    run();
    await waitFor(async () => {
      const { rows } = await sql.query('SELECT count(*)::int AS waiting FROM pg_locks WHERE NOT granted');
      return rows[0].waiting > 0;
    }, 'the batch waits for its table');
    assert.equal(checkpoints.get(SHARD), 0, 'the journal must not be trimmed yet');
  } finally {
    // Also when it fails: the projector can't stop while its batch waits.
    await blocker.query('COMMIT');
    blocker.release();
  }
  await waitFor(() => checkpoints.get(SHARD) === 1, 'the batch is written');
});

test('a shard with a backlog of many batches does not block the others', async (t) => {
  const { url } = await server.database();
  const { journal, checkpoints, run } = await rig(t, url);
  const [busy, quiet] = [asShardId(0), asShardId(3)];
  const writer = await journal.openWriter([busy, quiet]);
  const log = changeLog();
  // Six batches.
  const requestId = 'x'.repeat(8_000);
  for (let entry = 0; entry < 48; entry++) {
    for (let n = 0; n < 128; n++) log.add([{ kind: 'noted', scopeId: BOOK }]);
    const changes = log.changes.splice(0).map((change) => ({ ...change, requestId }));
    await append(writer, busy, changes);
  }
  await append(writer, quiet, [changeLog().add([{ kind: 'noted', scopeId: BOOK }])]);
  run();
  await waitFor(() => checkpoints.get(quiet) === 1, 'the quiet shard is projected');
  assert.ok(checkpoints.get(busy) < 48 * 128, 'before the busy one is done');
  await waitFor(() => checkpoints.get(busy) === 48 * 128, 'the busy one is projected too');
});

test('the projector pauses during a drop, serves requests that wait for it, and has everything after the drop', async (t) => {
  const { url, sql } = await server.database();
  const { journal, checkpoints, projector, run } = await rig(t, url);
  const store = createProjectionWriter({ url, shardCount: SHARDS });
  const log = await projectBook(url, store, ['AAA']);
  await store.close();

  const writer = await journal.openWriter([SHARD]);
  let seq = BOOK_EVENTS + 1;
  // What made the book went to PostgreSQL directly, so in this journal something else stands in its
  // place.
  const nothing = (firstSeq: number, count: number): Change => ({
    ...log.add(Array.from({ length: count }, () => ({ kind: 'noted', scopeId: BOOK }))),
    firstSeq: asSeq(firstSeq),
  });
  const first = BOOK_EVENTS + 1;
  await append(writer, SHARD, [nothing(1, BOOK_EVENTS)]);
  await append(writer, SHARD, [nothing(first, 1)]);
  log.changes.splice(0);

  run();
  await waitFor(() => checkpoints.get(SHARD) === first, 'it is level before the drop');

  const code = log.code('AAA', 0, 'ann');
  let isOver = false;
  const beganMs = performance.now();
  const drop = (async () => {
    while (!isOver) {
      const due = ((performance.now() - beganMs) / 1000) * EVENTS_PER_SECOND - (seq - first);
      const count = Math.min(Math.ceil(due), 5_000);
      for (let n = 0; n < count; n++) code.add({ kind: 'codeLocked', lockId: 1, untilMs: AT_MS + n });
      const changes = log.changes.splice(0).map((change, n) => ({ ...change, firstSeq: asSeq(seq + 1 + n) }));
      seq += count;
      if (count > 0) await append(writer, SHARD, changes);
      await sleep(10);
    }
  })();

  await waitFor(() => seq > DROP_EVENTS, 'the drop goes on for a while');
  const behind = seq - checkpoints.get(SHARD);
  assert.ok(behind > DROP_EVENTS / 2, `${behind} events behind after ${seq}`);
  const wanted = seq;
  projector.catchUp();
  await waitFor(() => checkpoints.get(SHARD) >= wanted, 'what somebody waits for is projected');
  assert.ok(seq - wanted < 500_000, `only ${seq - wanted} events later`);
  isOver = true;
  await drop;
  await waitFor(() => checkpoints.get(SHARD) === seq, 'all is projected after the drop');
  const { rows } = await sql.query(
    "SELECT count(*)::int AS count FROM changes JOIN change_kinds USING (kind) WHERE name = 'codeLocked'",
  );
  assert.equal(rows[0].count, seq - first);
});
