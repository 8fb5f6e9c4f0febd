/** What a replaced process still writes is void for ever: no entry, and no damage either. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asSeq, asShardId, type ShardId } from '../../src/domain/ids.js';
import { type FileJournal, openFileJournal } from '../../src/journal/file/file-journal.js';
import { type FileOps, realFileOps } from '../../src/journal/file/file-ops.js';
import { type DirectoryLock, lockDirectory } from '../../src/journal/file/lock.js';
import { JournalDamaged, JournalFenced } from '../../src/journal/journal.js';
import { all, commit, entry } from './conformance.js';
import { createFaultyOps } from './faulty-ops.js';
import { waitFor } from './wait-for.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-epochs-'));
after(() => fs.rmSync(directories, { recursive: true }));
const newDirectory = () => fs.mkdtempSync(join(directories, 'e-'));

const s0 = asShardId(0);
const s1 = asShardId(1);
const segmentBytes = 64 * 1024;

test('a commit that a replaced process writes after its successor opened is void for ever', async () => {
  const directory = newDirectory();
  const first = await start(directory);
  const paused = await first.journal.openWriter([s0, s1]);
  await commit(paused, [entry(s0, 1, 1, 'one'), entry(s1, 1, 1, 'one')]);

  const second = await takeOver(directory);
  const writer = await second.journal.openWriter([s0, s1]);
  await assert.rejects(commit(paused, [entry(s0, 2, 9, 'late'), entry(s1, 2, 2, 'late')]), JournalFenced);
  assert.ok(contentsOf(directory, 1).includes('late'), 'its bytes are on the disk');
  await commit(writer, [entry(s0, 2, 2, 'two')]);
  assert.deepEqual(await all(second.journal, s0), ['1-1 one', '2-2 two']);
  assert.deepEqual(await all(second.journal, s1), ['1-1 one']);
  await end(second);

  const third = await start(directory);
  const last = await third.journal.openWriter([s0, s1]);
  assert.deepEqual([...last.lastSeqs.values()], [2, 1]);
  await commit(last, [entry(s1, 2, 2, 'two')]);
  assert.deepEqual(await all(third.journal, s0), ['1-1 one', '2-2 two']);
  assert.deepEqual(await all(third.journal, s1), ['1-1 one', '2-2 two']);
  await end(third);
  await end(first);
});

test('bytes after the place up to which a later epoch read are not damage, whatever they are', async () => {
  const directory = newDirectory();
  await withWriter(directory, async (writer) => commit(writer, [entry(s0, 1, 1, 'one')]));
  await withWriter(directory, async (writer) => commit(writer, [entry(s0, 2, 2, 'two')]));
  const path = join(directory, '0000000001', '00000000.seg');
  const whole = fs.readFileSync(path);
  const forms = [Buffer.alloc(3000, 0xa5), whole.subarray(0, 200), whole, Buffer.alloc(5000)];
  for (const behind of forms) {
    fs.writeFileSync(path, Buffer.concat([whole, behind]));
    const journal = openFileJournal({ directory, segmentBytes });
    assert.equal((await journal.openWriter([s0])).lastSeqs.get(s0), 2);
    assert.deepEqual(await all(journal, s0), ['1-1 one', '2-2 two']);
    await journal.close();
  }
  fs.writeFileSync(path, whole.subarray(0, -100));
  await assert.rejects(openFileJournal({ directory, segmentBytes }).openWriter([s0]), JournalDamaged);
});

test('an epoch that a replaced process begins after its successor has begun one is void', async () => {
  const directory = newDirectory();
  const first = await start(directory, neverLost);
  await commit(await first.journal.openWriter([s0, s1]), [entry(s0, 1, 1, 'one'), entry(s1, 1, 1, 'one')]);
  const second = await takeOver(directory);
  const writer = await second.journal.openWriter([s0, s1]);
  await commit(writer, [entry(s0, 2, 2, 'two')]);

  // Paused between its look at the lock and its write, as far as this process can tell.
  const late = await first.journal.openWriter(
    [s0, s1],
    new Map([
      [s0, asSeq(1)],
      [s1, asSeq(1)],
    ]),
  );
  await commit(late, [entry(s0, 2, 2, 'late'), entry(s1, 2, 2, 'late')]);
  const lateEpoch = epochsIn(directory).at(-1);
  assert.equal(epochsIn(directory).length, 3);
  await commit(writer, [entry(s0, 3, 3, 'three')]);
  assert.deepEqual(await all(second.journal, s0), ['1-1 one', '2-2 two', '3-3 three']);
  await end(second);

  const third = await start(directory);
  const last = await third.journal.openWriter([s0, s1]);
  assert.deepEqual([...last.lastSeqs.values()], [3, 1]);
  assert.deepEqual(await all(third.journal, s0), ['1-1 one', '2-2 two', '3-3 three']);
  assert.deepEqual(await all(third.journal, s1), ['1-1 one']);
  last.trim(s0, asSeq(1));
  await waitFor(() => !epochsIn(directory).some((epoch) => epoch === lateEpoch), 'the void epoch is deleted');
  await end(third);
  await end(first);
});

test('an epoch whose opening a replaced process finishes late is void', async () => {
  const directory = newDirectory();
  await withWriter(directory, async (writer) => commit(writer, [entry(s0, 1, 1, 'one')]));
  // The late epoch, made apart from the directory that it belongs to.
  const apart = newDirectory();
  fs.cpSync(directory, apart, { recursive: true });
  await withWriter(apart, async (writer) => commit(writer, [entry(s0, 2, 2, 'late')]));
  fs.mkdirSync(join(directory, '0000000002'));

  const journal = openFileJournal({ directory, segmentBytes });
  await commit(await journal.openWriter([s0, s1]), [entry(s0, 2, 2, 'two')]);
  assert.deepEqual(epochsIn(directory), [1, 2, 3]);
  fs.cpSync(join(apart, '0000000002'), join(directory, '0000000002'), { recursive: true });
  assert.deepEqual(await all(journal, s0), ['1-1 one', '2-2 two']);
  await journal.close();

  const again = openFileJournal({ directory, segmentBytes });
  assert.equal((await again.openWriter([s0, s1])).lastSeqs.get(s0), 2);
  assert.deepEqual(await all(again, s0), ['1-1 one', '2-2 two']);
  await again.close();
});

test('what counts is decided by shard, when the threads of a process open at different moments', async () => {
  const directory = newDirectory();
  const first = await start(directory);
  const paused = await first.journal.openWriter([s0, s1]);
  await commit(paused, [entry(s0, 1, 1, 'one'), entry(s1, 1, 1, 'one')]);
  const second = await takeOver(directory);
  const other = openFileJournal({ directory, segmentBytes, lock: second.lock.file, shared: second.journal.shared });
  await second.journal.openWriter([s0]);
  // Between the two openings the replaced process gets to write: void for one shard, read for the
  // other.
  await assert.rejects(commit(paused, [entry(s0, 2, 2, 'late'), entry(s1, 2, 2, 'late')]), JournalFenced);
  assert.equal((await other.openWriter([s1])).lastSeqs.get(s1), 2);
  await other.close();
  await end(second);
  const third = await start(directory);
  assert.deepEqual([...(await third.journal.openWriter([s0, s1])).lastSeqs.values()], [1, 2]);
  assert.deepEqual(await all(third.journal, s0), ['1-1 one']);
  assert.deepEqual(await all(third.journal, s1), ['1-1 one', '2-2 late']);
  await end(third);
  await end(first);
});

test('crashes that leave only their locks do not make what a later process writes void', async () => {
  const directory = newDirectory();
  await end(await withCommit(directory, 1));
  // They die before they open the journal, one after another.
  await start(directory);
  for (let crash = 0; crash < 3; crash++) await takeOver(directory);
  await end(await withCommit(directory, 2, takeOver));
  await end(await withCommit(directory, 3));
  const last = await start(directory);
  assert.equal((await last.journal.openWriter([s0])).lastSeqs.get(s0), 3);
  await end(last);
});

/** A process that has committed this sequence. */
async function withCommit(directory: string, seq: number, begin = start): Promise<Process> {
  const process = await begin(directory);
  await commit(await process.journal.openWriter([s0]), [entry(s0, seq, seq, `of ${seq}`)]);
  return process;
}

interface Process {
  readonly lock: DirectoryLock;
  readonly journal: FileJournal;
}

/** A process of its own, as far as the journal is concerned. */
async function start(directory: string, ops: FileOps = realFileOps): Promise<Process> {
  const lock = await lockDirectory(directory);
  return { lock, journal: openFileJournal({ directory, lock: lock.file, segmentBytes, ops }) };
}

/** The holder's heartbeat has stopped, as it does when its container is paused. */
async function takeOver(directory: string): Promise<Process> {
  const path = join(directory, 'journal.lock');
  const holder = JSON.parse(fs.readFileSync(path, 'utf8')) as object;
  fs.writeFileSync(`${path}.old`, JSON.stringify({ ...holder, place: 'elsewhere' }));
  const longAgo = new Date(Date.now() - 60_000);
  fs.utimesSync(`${path}.old`, longAgo, longAgo);
  fs.renameSync(`${path}.old`, path);
  return start(directory);
}

async function end({ lock, journal }: Process): Promise<void> {
  await journal.close();
  lock.release();
}

const neverLost = ((): FileOps => {
  const { ops, fail } = createFaultyOps();
  let id: ReturnType<FileOps['fileId']> = null;
  fail({
    fileId: (path) => {
      id ??= realFileOps.fileId(path);
      return id;
    },
  });
  return ops;
})();

async function withWriter(
  directory: string,
  use: (writer: Awaited<ReturnType<FileJournal['openWriter']>>) => Promise<void>,
  shards: readonly ShardId[] = [s0],
): Promise<void> {
  const journal = openFileJournal({ directory, segmentBytes });
  await use(await journal.openWriter(shards));
  await journal.close();
}

function contentsOf(directory: string, epoch: number): Buffer {
  return fs.readFileSync(join(directory, String(epoch).padStart(10, '0'), '00000000.seg'));
}

function epochsIn(directory: string): number[] {
  return fs
    .readdirSync(directory)
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

test('the sweep of commit 732fe01 takes an epoch of this version with a commit for damage, and does not remove it', async () => {
  const directory = newDirectory();
  const first = await start(directory);
  const writer = await first.journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'one')]);
  const bytes = fs.readFileSync(join(directory, '0000000001', '00000000.seg'));
  // It knows the kinds 1 and 2. Where it can't read the first record, it looks for the beginning of
  // another one.
  assert.ok(bytes.readUInt16LE(12) > 2, 'the start record is none to it');
  assert.ok(bytes.indexOf('CBJ1', 1, 'latin1') > 0, 'something follows');
  await end(first);
});
