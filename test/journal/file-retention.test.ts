/** What the file journal keeps behind the snapshot, for how long, and what it gives up first. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { realFileOps } from '../../src/journal/file/file-ops.js';
import { journalBytes } from '../../src/journal/file/size.js';
import { JournalDamaged, type JournalWriter, KEEP_NOTHING, type Retention } from '../../src/journal/journal.js';
import { all, commit, entry } from './conformance.js';
import { createFaultyOps, diskError } from './faulty-ops.js';
import { waitFor } from './wait-for.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-retention-'));
after(() => fs.rmSync(directories, { recursive: true }));

const s0 = asShardId(0);
const s1 = asShardId(1);
const segmentBytes = 64 * 1024;
const HOUR_MS = 3_600_000;
const MANY_BYTES = 2 ** 30;

/**
 * A journal of shards 0 and 1, whose clock can be set forward and whose looks at the age of files
 * are counted.
 */
async function journalThatKeeps(retention: Retention) {
  const directory = fs.mkdtempSync(join(directories, 'r-'));
  const { ops, fail } = createFaultyOps();
  const seen = { ages: 0, aheadMs: 0 };
  fail({
    wallMs: () => Date.now() + seen.aheadMs,
    modifiedMsLater: async (path) => {
      const modifiedMs = await realFileOps.modifiedMsLater(path);
      seen.ages += 1;
      return modifiedMs;
    },
  });
  const journal = openFileJournal({ directory, segmentBytes, retention, ops, retryMs: 5 });
  return { directory, journal, writer: await journal.openWriter([s0, s1]), seen, fail };
}

/** Six entries fill a segment. */
async function fill(writer: JournalWriter, from: number, through: number): Promise<void> {
  for (let seq = from; seq <= through; seq += 1) await commit(writer, [entry(s0, seq, seq, 'x'.repeat(9_000))]);
}

test('what is in the snapshot is kept until it is older than the span', async () => {
  const { journal, writer, seen } = await journalThatKeeps({ ms: HOUR_MS, bytes: MANY_BYTES });
  await fill(writer, 1, 60);
  writer.trim(s0, asSeq(60));
  await waitFor(() => seen.ages > 0, 'the age of the oldest segment is looked at');
  assert.equal((await all(journal, s0)).length, 60);
  seen.aheadMs = HOUR_MS + 60_000;
  await waitFor(async () => {
    writer.trim(s0, asSeq(60));
    return (await all(journal, s0, 50)).length === 10 && (await isTrimmed(journal, 1));
  }, 'the old segments are gone');
  assert.equal((await all(journal, s0, 59)).length, 1, 'the entry at the checkpoint stays');
  await journal.close();
});

test('a journal that is larger than it may be keeps less, the oldest first', async () => {
  const bytes = 8 * segmentBytes;
  const { directory, journal, writer } = await journalThatKeeps({ ms: HOUR_MS, bytes });
  await fill(writer, 1, 120);
  writer.trim(s0, asSeq(120));
  await waitFor(async () => (await journalBytes(realFileOps, directory)) <= bytes, 'the journal is small enough');
  assert.ok(await isTrimmed(journal, 1));
  const kept = (await all(journal, s0, 90)).length;
  assert.equal(kept, 30, 'no more went than had to');
  await journal.close();
});

test('what is not in the snapshot stays, whatever the journal may keep', async () => {
  const { journal, writer } = await journalThatKeeps(KEEP_NOTHING);
  await fill(writer, 1, 60);
  writer.trim(s0, asSeq(30));
  await waitFor(() => isTrimmed(journal, 1), 'the oldest segment is gone');
  assert.equal((await all(journal, s0, 30)).length, 30);
  await journal.close();
});

test('the last entry of an idle shard is kept beyond the span, and not beyond the bytes', async () => {
  const bytes = 12 * segmentBytes;
  const { directory, journal, writer, seen } = await journalThatKeeps({ ms: HOUR_MS, bytes });
  await commit(writer, [entry(s1, 1, 1, 'idle since')]);
  await fill(writer, 1, 30);
  seen.aheadMs = 2 * HOUR_MS;
  writer.trim(s1, asSeq(1));
  writer.trim(s0, asSeq(30));
  assert.deepEqual(await all(journal, s1), ['1-1 idle since']);
  for (let seq = 36; seq <= 120; seq += 6) {
    await fill(writer, seq - 5, seq);
    writer.trim(s0, asSeq(seq));
  }
  await waitFor(async () => {
    writer.trim(s0, asSeq(120));
    return (await journalBytes(realFileOps, directory)) <= bytes;
  }, 'the journal is small enough');
  await journal.close();
});

test('on a full disk, what is kept goes before a change is refused', async () => {
  const { directory, journal, writer, fail } = await journalThatKeeps({ ms: HOUR_MS, bytes: MANY_BYTES });
  fail({ freeBytesLater: async (path) => 12 * segmentBytes - (await journalBytes(realFileOps, path)) });
  for (let seq = 1; seq <= 240; seq += 1) {
    await waitFor(() => writer.hasRoom(), `there is room for ${seq}`);
    await fill(writer, seq, seq);
    writer.trim(s0, asSeq(seq));
  }
  assert.ok((await journalBytes(realFileOps, directory)) <= 12 * segmentBytes);
  assert.ok(await isTrimmed(journal, 1));
  assert.ok(!(await isTrimmed(journal, 220)), 'some of it is still kept');
  await journal.close();
});

test('a disk that can not tell the age of a segment keeps it, and is asked again', async () => {
  const { journal, writer, fail } = await journalThatKeeps({ ms: 0, bytes: MANY_BYTES });
  await fill(writer, 1, 30);
  let asked = 0;
  fail({
    modifiedMsLater: () => {
      asked += 1;
      return Promise.reject(diskError('EIO'));
    },
  });
  writer.trim(s0, asSeq(30));
  await waitFor(() => asked > 0, 'the disk is asked');
  assert.equal((await all(journal, s0)).length, 30);
  fail(null);
  await waitFor(async () => {
    writer.trim(s0, asSeq(30));
    return isTrimmed(journal, 1);
  }, 'the oldest segment is gone');
  await journal.close();
});

test('what is kept of the snapshot is not read at an opening; damage in it shows when it is read', async () => {
  const { directory, journal, writer, fail } = await journalThatKeeps({ ms: HOUR_MS, bytes: MANY_BYTES });
  await fill(writer, 1, 60);
  await commit(writer, [entry(s1, 1, 1, 'of the other')]);
  await journal.close();
  const path = join(directory, '0000000001', '00000001.seg');
  const bytes = fs.readFileSync(path);
  bytes[20_000] = (bytes[20_000] ?? 0) ^ 1;
  fs.writeFileSync(path, bytes);
  await assert.rejects(journal.openWriter([s0, s1]), JournalDamaged);
  const inSnapshot = new Map([[s0, asSeq(55)]]);
  let wholeFiles = 0;
  fail({
    size: (fd) => {
      wholeFiles += 1;
      return realFileOps.size(fd);
    },
  });
  for (let opening = 1; opening <= 3; opening += 1) {
    wholeFiles = 0;
    const { lastSeqs } = await journal.openWriter([s0, s1], undefined, undefined, inSnapshot);
    assert.deepEqual([...lastSeqs.values()], [60, 1]);
    assert.ok(wholeFiles <= 2 + opening, `${wholeFiles} segments were read`);
  }
  assert.equal((await all(journal, s0, 50)).length, 10);
  assert.deepEqual(await all(journal, s1), ['1-1 of the other']);
  await assert.rejects(all(journal, s0), JournalDamaged);
  await journal.close();
});

test('since when a journal has every change is known, also after the oldest ones went', async () => {
  const { journal, writer, seen, fail } = await journalThatKeeps({ ms: HOUR_MS, bytes: MANY_BYTES });
  const reader = await journal.openReader();
  const began = await reader.sinceMs();
  assert.ok(began !== null && Math.abs(Date.now() - began) < 60_000);
  await fill(writer, 1, 12);
  assert.equal(await reader.sinceMs(), began);
  seen.aheadMs = 2 * HOUR_MS;
  await fill(writer, 13, 60);
  // Age by the clock of the journal; the files are young by that of the disk.
  fail({ wallMs: () => Date.now() + 2 * HOUR_MS });
  await waitFor(async () => {
    writer.trim(s0, asSeq(60));
    const since = await reader.sinceMs();
    return since !== null && since > began + HOUR_MS;
  }, 'the journal begins later');
  await journal.close();
});

/** Whether the journal no longer has the sequence. */
async function isTrimmed(
  journal: Awaited<ReturnType<typeof journalThatKeeps>>['journal'],
  seq: number,
): Promise<boolean> {
  const reader = await journal.openReader();
  try {
    await reader.read(s0, asSeq(seq - 1), 1);
    return false;
  } catch (error) {
    assert.equal((error as Error).name, 'JournalTrimmed');
    return true;
  } finally {
    await reader.close();
  }
}
