/**
 * The lock of a journal directory: who may have it, what it tells, and what happens to a holder
 * that lost it.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { asShardId } from '../../src/domain/ids.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { realFileOps } from '../../src/journal/file/file-ops.js';
import { readInstallation, writeInstallation } from '../../src/journal/file/installation.js';
import { type DirectoryLock, lockDirectory } from '../../src/journal/file/lock.js';
import { createLockCheck, holdsLock, type LockFile } from '../../src/journal/file/lock-check.js';
import { JournalDamaged, JournalFenced } from '../../src/journal/journal.js';
import { all, commit, entry } from './conformance.js';
import { createFaultyOps } from './faulty-ops.js';
import { waitFor } from './wait-for.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-lock-'));
after(() => fs.rmSync(directories, { recursive: true }));
const newDirectory = () => fs.mkdtempSync(join(directories, 'l-'));

const s0 = asShardId(0);
const s1 = asShardId(1);
const segmentBytes = 64 * 1024;

for (const isSlow of [false, true]) {
  test(`a commit is not acknowledged when the lock was lost before its sync ended (${isSlow ? 'slow' : 'fast'} disk)`, async () => {
    const directory = newDirectory();
    const lock = await lockDirectory(directory);
    const { ops, fail } = createFaultyOps();
    const journal = openFileJournal({ directory, lock: lock.file, segmentBytes, ops });
    const writer = await journal.openWriter([s0]);
    let seq = 0;
    let isSyncedLater = false;
    let takeOver = (): void => undefined;
    fail({
      sync: (fd) => {
        if (isSlow) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
        realFileOps.sync(fd);
        takeOver();
      },
      syncLater: (fd, done) =>
        realFileOps.syncLater(fd, (error) => {
          isSyncedLater = true;
          takeOver();
          done(error);
        }),
    });
    while (seq === 0 || (isSlow && !isSyncedLater)) {
      seq += 1;
      await commit(writer, [entry(s0, seq, seq, 'acknowledged')]);
      assert.ok(seq < 100, 'the writer notices that the disk is slow');
    }
    takeOver = () => replaceLock(lock);
    await assert.rejects(commit(writer, [entry(s0, seq + 1, seq + 1, 'too late')]), JournalFenced);
    assert.equal((await all(journal, s0)).length, seq, 'a reader shows nothing of it');
    await assert.rejects(commit(writer, [entry(s0, seq + 1, seq + 1, 'again')]), JournalFenced);
    assert.equal(writer.ownership?.isSure(), false);
    await assert.rejects(journal.openWriter([s0]), JournalFenced);
    await journal.close();
    lock.release();
    assert.ok(fs.existsSync(lock.file.path), "the other holder's lock stays");
  });
}

test('a writer without commits notices that the lock was lost, and says so once', async () => {
  const directory = newDirectory();
  const lock = await lockDirectory(directory);
  const journal = openFileJournal({ directory, lock: lock.file, segmentBytes });
  const writer = await journal.openWriter([s0]);
  const heard: Error[] = [];
  writer.ownership?.onEnd((error) => heard.push(error));
  assert.equal(writer.ownership?.isSure(), true);
  replaceLock(lock);
  await waitFor(() => writer.ownership?.isSure() === false, 'the loss is noticed');
  assert.equal(writer.ownership?.isSure(), false);
  await new Promise(setImmediate);
  assert.equal(heard.length, 1);
  assert.ok(heard[0] instanceof JournalFenced);
  await journal.close();
  lock.release();
});

test('a lock that is lost while a writer opens leaves no epoch behind', async () => {
  const directory = newDirectory();
  const lock = await lockDirectory(directory);
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, lock: lock.file, segmentBytes, ops });
  fail({
    mkdir: (path) => {
      realFileOps.mkdir(path);
      replaceLock(lock);
    },
  });
  await assert.rejects(journal.openWriter([s0, s1]), JournalFenced);
  assert.deepEqual(epochsIn(directory), []);
  await journal.close();
  lock.release();
});

test('the lock is checked again after a pause that only one of the clocks shows', () => {
  const directory = newDirectory();
  const path = join(directory, 'journal.lock');
  fs.writeFileSync(path, 'mine');
  const fd = fs.openSync(path, 'r');
  const { dev, ino } = fs.fstatSync(fd, { bigint: true });
  const lock = { path, dev, ino, number: 1 };
  const now = { wallMs: 1_000_000, monotonicMs: 5_000 };
  const check = createLockCheck(realFileOps, lock, {
    wallMs: () => now.wallMs,
    monotonicMs: () => now.monotonicMs,
  });
  assert.equal(check.isFresh(), false, 'it was never checked');
  const pauses = [
    { wallMs: 100, monotonicMs: 100 },
    { wallMs: 100, monotonicMs: 0 },
    { wallMs: 0, monotonicMs: 100 },
    { wallMs: -100, monotonicMs: 0 },
  ];
  for (const pause of pauses) {
    check.check();
    now.wallMs += 99;
    now.monotonicMs += 99;
    assert.equal(check.isFresh(), true);
    check.check();
    now.wallMs += pause.wallMs;
    now.monotonicMs += pause.monotonicMs;
    assert.equal(check.isFresh(), false, JSON.stringify(pause));
  }
  assert.equal(holdsLock(realFileOps, lock), true);
  fs.rmSync(path);
  assert.equal(holdsLock(realFileOps, lock), false);
  // The old file is still open, so the new one can't have its inode.
  fs.writeFileSync(path, 'of another');
  assert.throws(() => check.check(), JournalFenced);
  fs.closeSync(fd);
});

test('a new lock tells which lock it had to remove and how that was judged', async () => {
  const directory = newDirectory();
  const first = await lockDirectory(directory);
  assert.equal(first.removed, null);
  const path = join(directory, 'journal.lock');
  const holder = JSON.parse(fs.readFileSync(path, 'utf8')) as { lock: string };
  assert.equal(holder.lock, first.id);

  fs.writeFileSync(path, JSON.stringify({ ...holder, pid: 2 ** 22 + 1 }));
  const second = await lockDirectory(directory);
  assert.deepEqual(second.removed, { lock: first.id, judgedBy: 'pid' });
  assert.ok(second.file.number > first.file.number);

  // In another file, since the holder renews its own.
  replaceLock(second, JSON.stringify({ ...holder, lock: second.id, place: 'elsewhere' }));
  const longAgo = new Date(Date.now() - 60_000);
  fs.utimesSync(path, longAgo, longAgo);
  const third = await lockDirectory(directory);
  assert.deepEqual(third.removed, { lock: second.id, judgedBy: 'heartbeat' });
  third.release();
  assert.equal(fs.existsSync(path), false);
  first.release();
  second.release();

  const fourth = await lockDirectory(directory);
  assert.equal(fourth.removed, null, 'a lock that was given back is nothing to remove');
  fourth.release();
});

test('a holder whose lock was taken over hears of it', async () => {
  const lock = await lockDirectory(newDirectory());
  const heard: Error[] = [];
  lock.onLost((error) => heard.push(error));
  replaceLock(lock);
  await waitFor(() => heard.length > 0, 'the loss is told');
  assert.match(String(heard[0]?.message), /journal\.lock was taken over by another process/);
  lock.release();
});

test('a holder whose lock was removed hears that it is gone, and not that another process has it', async () => {
  for (const remove of [
    (lock: LockFile) => fs.rmSync(lock.path),
    (lock: LockFile) => fs.renameSync(dirname(lock.path), `${dirname(lock.path)}.moved`),
  ]) {
    const directory = newDirectory();
    const lock = await lockDirectory(directory);
    const heard: Error[] = [];
    lock.onLost((error) => heard.push(error));
    const check = createLockCheck(realFileOps, lock.file);
    check.check();
    remove(lock.file);
    assert.throws(() => check.check(), /journal\.lock is gone: .* was removed or moved/);
    await waitFor(() => heard.length > 0, 'the loss is told');
    assert.match(String(heard[0]?.message), /journal\.lock is gone: .* was removed or moved/);
    lock.release();
  }
});

test('the id of an installation is read back as it was written', () => {
  const directory = join(newDirectory(), 'made');
  assert.equal(readInstallation(directory), null);
  writeInstallation(directory, 'a');
  assert.equal(readInstallation(directory), 'a');
  writeInstallation(directory, 'b');
  assert.equal(readInstallation(directory), 'b');
  assert.deepEqual(fs.readdirSync(directory), ['installation.json']);
});

test('a bad id of an installation is damage, and one of a later version is refused', () => {
  const directory = newDirectory();
  const path = join(directory, 'installation.json');
  for (const text of ['', '{"format": 2', '{"format": 2}', '{"installation": "a"}', '[]', 'null']) {
    fs.writeFileSync(path, text);
    assert.throws(() => readInstallation(directory), JournalDamaged, text);
  }
  fs.writeFileSync(path, '{"format": 3, "installation": "a"}');
  assert.throws(() => readInstallation(directory), /has format 3/);
});

/** As a process does that takes the directory over. */
function replaceLock({ file: { path } }: DirectoryLock, text = 'of another'): void {
  fs.writeFileSync(`${path}.new`, text);
  fs.renameSync(`${path}.new`, path);
}

function epochsIn(directory: string): string[] {
  return fs.readdirSync(directory).filter((name) => /^\d+$/.test(name));
}
