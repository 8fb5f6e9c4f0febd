import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createProjector } from '../../src/actor/projector.js';
import { createWatermarks } from '../../src/actor/watermarks.js';
import type { Change } from '../../src/domain/event.js';
import { asSeq } from '../../src/domain/ids.js';
import { encodeChanges } from '../../src/journal/codec.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { createJournalMarksBuffer, journalMarks } from '../../src/journal/file/watermarks.js';
import { createProjectionWriter } from '../../src/postgres/projection-writer.js';
import { waitFor } from '../journal/wait-for.js';
import { AT_MS, BOOK, projectBook, SHARD } from '../postgres/changes.js';
import { SHARDS, silent, testServer } from '../postgres/server.js';

const EVENTS_PER_SECOND = 50_000;
/** A drop of which much less than this is projected; and of which this much has to be seen before anything is said. */
const DROP_EVENTS = 200_000;

/** Of `projectBook`. */
const BOOK_EVENTS = 2;

const server = testServer();

test('during a drop it rests; whoever waits for it is served during the drop, and all is there after it', async (t) => {
  const { url, sql } = await server.database();
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-projector-'));
  const shared = createJournalMarksBuffer();
  const journal = openFileJournal({ directory, shared });
  t.after(async () => {
    await journal.close();
    rmSync(directory, { recursive: true });
  });
  const store = createProjectionWriter({ url, shardCount: SHARDS });
  const log = await projectBook(url, store, ['AAA']);
  await store.close();

  const writer = await journal.openWriter([SHARD]);
  let seq = 0;
  const append = async (changes: readonly Change[], events: number): Promise<void> => {
    const entry = {
      shard: SHARD,
      firstSeq: asSeq(seq + 1),
      lastSeq: asSeq(seq + events),
      payload: encodeChanges(changes),
    };
    seq += events;
    await new Promise<void>((resolve, reject) =>
      writer.append([entry], (error) => (error === null ? resolve() : reject(error))),
    );
  };
  // What made the book went to PostgreSQL directly, so in this journal something else stands in its place.
  const nothing = (firstSeq: number, count: number): Change => ({
    ...log.add(Array.from({ length: count }, () => ({ kind: 'noted', bookId: BOOK }))),
    firstSeq: asSeq(firstSeq),
  });
  await append([nothing(1, BOOK_EVENTS)], BOOK_EVENTS);
  await append([nothing(BOOK_EVENTS + 1, 1)], 1);
  log.changes.splice(0);
  const first = seq;

  const checkpoints = createWatermarks();
  const projector = createProjector({
    shards: [SHARD],
    reader: await journal.openReader(),
    writer: createProjectionWriter({ url, shardCount: SHARDS }),
    checkpoints,
    durable: journalMarks(shared).durable,
    nowMs: Date.now,
    idempotencyTtlMs: 86_400_000,
    log: silent,
  });
  const ran = projector.run();
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
      if (count > 0) await append(changes, count);
      await sleep(10);
    }
  })();

  await waitFor(() => seq > DROP_EVENTS, 'the drop goes on for a while');
  const behind = seq - checkpoints.get(SHARD);
  assert.ok(behind > DROP_EVENTS / 2, `${behind} events behind after ${seq}`);
  const wanted = seq;
  projector.hurry();
  await waitFor(() => checkpoints.get(SHARD) >= wanted, 'what somebody waits for is projected');
  assert.ok(seq - wanted < 500_000, `only ${seq - wanted} events later`);
  isOver = true;
  await drop;
  await waitFor(() => checkpoints.get(SHARD) === seq, 'all is projected after the drop');
  const { rows } = await sql.query(
    "SELECT count(*)::int AS count FROM changes JOIN change_kinds USING (kind) WHERE name = 'codeLocked'",
  );
  assert.equal(rows[0].count, seq - first);
  await projector.stop(1000);
  await ran;
});
