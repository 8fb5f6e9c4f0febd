/**
 * A disk that fails: nothing unacknowledged is ever shown, and a full disk is known before a commit
 * needs it.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { realFileOps } from '../../src/journal/file/file-ops.js';
import { EMPTY_COMMIT_BYTES } from '../../src/journal/file/record.js';
import { createJournalMarksBuffer } from '../../src/journal/file/watermarks.js';
import type { Journal, JournalWriter } from '../../src/journal/journal.js';
import { all, commit, entry } from './conformance.js';
import { createFaultyOps, diskError } from './faulty-ops.js';
import { waitFor } from './wait-for.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-faults-'));
after(() => fs.rmSync(directories, { recursive: true }));
const newDirectory = () => fs.mkdtempSync(join(directories, 'f-'));

const s0 = asShardId(0);
const segmentBytes = 64 * 1024;

test('an fdatasync that fails once ends the writer, and unacknowledged entries are void', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 2, 'acknowledged')]);
  fail({
    sync: () => {
      fail(null);
      throw diskError('EIO');
    },
  });
  await assert.rejects(commit(writer, [entry(s0, 3, 3, 'lost')]), /EIO/);
  await assert.rejects(commit(writer, [entry(s0, 3, 3, 'again')]), /EIO/, 'the sync is not tried again');
  assert.equal(writer.hasRoom(), false);
  assert.deepEqual(await all(journal, s0), ['1-2 acknowledged'], 'a reader shows nothing of it');

  const second = await journal.openWriter([s0], new Map([[s0, asSeq(2)]]));
  assert.equal(second.lastSeqs.get(s0), 2);
  assert.deepEqual(await all(journal, s0), ['1-2 acknowledged']);
  await commit(second, [entry(s0, 3, 4, 'in its place')]);
  await journal.close();

  // The whole entry is on the disk, under an older epoch. It stays void.
  const again = openFileJournal({ directory, segmentBytes });
  assert.equal((await again.openWriter([s0])).lastSeqs.get(s0), 4);
  assert.deepEqual(await all(again, s0), ['1-2 acknowledged', '3-4 in its place']);
  await again.close();
});

test('without startAfter a whole entry counts, and is written and synced anew before it is reported', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  const writer = await journal.openWriter([s0]);
  fail({
    sync: () => {
      throw diskError('EIO');
    },
  });
  await assert.rejects(commit(writer, [entry(s0, 1, 1, 'whole, of unknown fate')]), /EIO/);
  const calls: string[] = [];
  fail({
    write: (fd, bytes, position) => {
      if (Buffer.from(bytes).includes('whole, of unknown fate')) calls.push('written anew');
      return realFileOps.write(fd, bytes, position);
    },
    sync: (fd) => {
      calls.push('synced');
      realFileOps.sync(fd);
    },
  });
  const second = await journal.openWriter([s0]);
  assert.equal(second.lastSeqs.get(s0), 1);
  assert.deepEqual(calls.slice(0, 2), ['written anew', 'synced']);
  await journal.close();
});

test('when that last sync fails too, the opening fails and nothing is shown', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  await commit(await journal.openWriter([s0]), [entry(s0, 1, 1, 'a1')]);
  await journal.close();
  const shared = createJournalMarksBuffer();
  const next = openFileJournal({ directory, segmentBytes, ops, shared });
  fail({
    sync: () => {
      throw diskError('EIO');
    },
  });
  await assert.rejects(next.openWriter([s0]), /EIO/);
  assert.deepEqual(await all(next, s0), []);
  fail(null);
  await next.openWriter([s0]);
  assert.deepEqual(await all(next, s0), ['1-1 a1']);
  await next.close();
});

test('a short write is continued', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  const writer = await journal.openWriter([s0]);
  fail({ write: (fd, bytes, position) => realFileOps.write(fd, bytes.subarray(0, 7), position) });
  await commit(writer, [entry(s0, 1, 1, 'in pieces of seven')]);
  fail(null);
  await journal.close();
  const again = openFileJournal({ directory, segmentBytes });
  await again.openWriter([s0]);
  assert.deepEqual(await all(again, s0), ['1-1 in pieces of seven']);
  await again.close();
});

test('a torn write ends the writer, and the torn record is cut', async () => {
  const directory = newDirectory();
  for (const writtenBytes of [0, 1, 63, 64, 80, 100]) {
    const { ops, fail } = createFaultyOps();
    const journal = openFileJournal({ directory, segmentBytes, ops });
    const writer = await journal.openWriter([s0]);
    const at = writer.lastSeqs.get(s0) ?? 0;
    await commit(writer, [entry(s0, at + 1, at + 1, 'kept')]);
    fail({
      write: (fd, bytes, position) => {
        if (writtenBytes > 0) realFileOps.write(fd, bytes.subarray(0, writtenBytes), position);
        throw diskError('EIO');
      },
    });
    await assert.rejects(commit(writer, [entry(s0, at + 2, at + 2, 'torn, and never seen again')]), /EIO/);
    fail(null);
    const reopened = await journal.openWriter([s0]);
    assert.equal(reopened.lastSeqs.get(s0), at + 1);
    assert.ok((await all(journal, s0)).every((text) => text.endsWith('kept')));
    await journal.close();
  }
});

test('on a slow disk syncs leave the thread, and a reader shows nothing before they are done', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  const writer = await journal.openWriter([s0]);
  const held: (() => void)[] = [];
  let isSlow = true;
  let isHolding = true;
  let writersFd = -1;
  fail({
    write: (fd, bytes, position) => {
      writersFd = fd;
      return realFileOps.write(fd, bytes, position);
    },
    sync: (fd) => {
      // As slow as it takes for the writer to notice.
      if (isSlow) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      realFileOps.sync(fd);
    },
    syncLater: (fd, done) => {
      if (fd === writersFd && isHolding) held.push(() => realFileOps.syncLater(fd, done));
      else realFileOps.syncLater(fd, done);
    },
  });
  let seq = 0;
  let landed = 0;
  while (held.length === 0) {
    seq += 1;
    writer.append([entry(s0, seq, seq, 'slow')], (error) => {
      assert.equal(error, null);
      landed = seq;
    });
    await new Promise(setImmediate);
  }
  isSlow = false;
  assert.equal(landed, seq - 1);
  assert.equal((await all(journal, s0)).length, seq - 1);
  assert.throws(() => writer.append([entry(s0, seq + 1, seq + 1, 'too many')], () => undefined), /in flight/);
  const closing = writer.close();
  // Closing makes a mark behind it.
  isHolding = false;
  held[0]?.();
  await closing;
  assert.equal(landed, seq);
  assert.equal((await all(journal, s0)).length, seq);
  await journal.close();
});

test('a sync that fails off the thread, on a slow disk, ends the writer and shows nothing of its commit', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  const writer = await journal.openWriter([s0]);
  let syncs = 0;
  const slowSync = (fd: number): void => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    realFileOps.sync(fd);
  };
  fail({
    sync: slowSync,
    syncLater: (_fd, done) => {
      syncs += 1;
      setImmediate(done, diskError('EIO'));
    },
  });
  let seq = 0;
  let refused: Error | null = null;
  while (refused === null) {
    seq += 1;
    await commit(writer, [entry(s0, seq, seq, 'slow')]).catch((error: Error) => {
      refused = error;
    });
    assert.ok(seq < 100, 'the writer notices that the disk is slow');
  }
  assert.match(String(refused), /EIO/);
  assert.ok(syncs > 0, 'the sync was one off the thread');
  assert.equal((await all(journal, s0)).length, seq - 1, 'a reader shows nothing of the failed commit');
  await assert.rejects(commit(writer, [entry(s0, seq + 1, seq + 1, 'more')]), /EIO/);
  fail(null);
  const second = await journal.openWriter([s0], new Map([[s0, asSeq(seq - 1)]]));
  assert.equal(second.lastSeqs.get(s0), seq - 1);
  await journal.close();
});

test('a commit that comes while a mark is synced waits for it, and fails with it', async () => {
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory: newDirectory(), segmentBytes, ops });
  // Its sync is the first that is not of a commit. Later it would be taken for that of a mark.
  let isPrepared = false;
  fail({
    syncLater: (fd, done) =>
      fs.fdatasync(fd, (error) => {
        isPrepared = true;
        done(error);
      }),
  });
  const writer = await journal.openWriter([s0]);
  await waitFor(() => isPrepared, 'a segment is prepared');
  for (const isFailing of [false, true]) {
    const held: ((error: Error | null) => void)[] = [];
    fail({ syncLater: (_fd, done) => void held.push(done) });
    const at = isFailing ? 2 : 0;
    await commit(writer, [entry(s0, at + 1, at + 1, 'acknowledged')]);
    await waitFor(() => held.length > 0, 'a mark is synced');
    let landed: Error | null | undefined;
    writer.append([entry(s0, at + 2, at + 2, 'behind the mark')], (error) => {
      landed = error;
    });
    await new Promise(setImmediate);
    assert.equal(landed, undefined);
    assert.equal((await all(journal, s0)).length, at + 1);
    held[0]?.(isFailing ? diskError('EIO') : null);
    await waitFor(() => landed !== undefined, 'the commit landed');
    if (isFailing) assert.match(String(landed), /EIO/);
    else assert.equal(landed, null);
  }
  await assert.rejects(commit(writer, [entry(s0, 4, 4, 'after it')]), /EIO/);
  fail(null);
  assert.equal((await journal.openWriter([s0])).lastSeqs.get(s0), 3);
  await journal.close();
});

test('a mark that can not be synced ends the writer, which says so', async () => {
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory: newDirectory(), segmentBytes, ops });
  const writer = await journal.openWriter([s0]);
  const heard: Error[] = [];
  writer.ownership?.onEnd((error) => heard.push(error));
  await waitFor(() => writer.hasRoom(), 'a segment is prepared');
  fail({ syncLater: (_fd, done) => setImmediate(done, diskError('EIO')) });
  await commit(writer, [entry(s0, 1, 1, 'acknowledged')]);
  await waitFor(() => heard.length > 0, 'the end is told');
  assert.match(String(heard[0]), /EIO/);
  await assert.rejects(commit(writer, [entry(s0, 2, 2, 'after it')]), /EIO/);
  fail(null);
  await journal.close();
});

test('each commit is synced after it is written and before it is reported, and each new segment by its directory', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops });
  const calls: string[] = [];
  let committedFd = -1;
  fail({
    write: (fd, bytes, position) => {
      // On a slow machine, a mark may follow a commit before it is looked at here.
      const isCommit = bytes.length !== EMPTY_COMMIT_BYTES;
      committedFd = isCommit ? fd : -1;
      if (isCommit) calls.push('write');
      return realFileOps.write(fd, bytes, position);
    },
    sync: (fd) => {
      calls.push('sync');
      realFileOps.sync(fd);
    },
    // On a slow disk, commits are synced off the thread, as prepared segments and marks always are.
    syncLater: (fd, done) => {
      if (fd === committedFd) calls.push('sync');
      realFileOps.syncLater(fd, done);
    },
    syncDirectory: (path) => {
      calls.push(`directory ${basename(path)}`);
      realFileOps.syncDirectory(path);
    },
  });
  const writer = await journal.openWriter([s0]);
  assert.deepEqual(calls.slice(-3), ['directory 0000000001', 'write', 'sync'], 'the start record');
  let seq = 0;
  for (let segments = 1; segments < 3; ) {
    seq += 1;
    calls.length = 0;
    await commit(writer, [entry(s0, seq, seq, 'x'.repeat(9_000))]);
    assert.deepEqual(calls.slice(-2), ['write', 'sync']);
    const isNewSegment = calls.length > 2;
    assert.equal(isNewSegment, calls.includes('directory 0000000001'), 'a new segment has a durable name');
    if (isNewSegment) segments += 1;
    await waitFor(() => writer.hasRoom(), 'there is room');
  }
  await journal.close();
});

test('a full disk is known before a commit needs the room, and forgotten when there is room again', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const full = () => Promise.reject(diskError('ENOSPC'));
  fail({ writeLater: full });
  const journal = openFileJournal({ directory, segmentBytes, ops, retryMs: 5 });
  const writer = await journal.openWriter([s0]);
  const committed = await fillUp(writer, 0);
  assert.ok(committed > 10);
  assert.deepEqual(fs.readdirSync(join(directory, '0000000001')), ['00000000.seg'], 'a part of a segment is not kept');
  fail(null);
  await waitFor(() => writer.hasRoom(), 'there is room again');
  await commit(writer, [entry(s0, committed + 1, committed + 1, 'x'.repeat(1000))]);
  assert.equal((await all(journal, s0)).length, committed + 1);
  await journal.close();
});

test('the last room on the disk is left to other programs', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  let written = 0;
  fail({
    freeBytesLater: async () => 2 * segmentBytes - 1,
    writeLater: (fd, bytes, position) => {
      written += bytes.length;
      return realFileOps.writeLater(fd, bytes, position);
    },
  });
  const journal = openFileJournal({ directory, segmentBytes, ops, retryMs: 5 });
  const writer = await journal.openWriter([s0]);
  await fillUp(writer, 0);
  assert.equal(written, 0);
  fail(null);
  await waitFor(() => writer.hasRoom(), 'there is room again');
  await journal.close();
});

test('a commit larger than the room that was promised fails cleanly on a full disk', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal = openFileJournal({ directory, segmentBytes, ops, retryMs: 5 });
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  fail({
    write: () => {
      throw diskError('ENOSPC');
    },
  });
  await assert.rejects(commit(writer, [entry(s0, 2, 2, 'x'.repeat(500_000))]), /ENOSPC/);
  fail(null);
  const second = await journal.openWriter([s0], new Map([[s0, asSeq(1)]]));
  await commit(second, [entry(s0, 2, 2, 'x'.repeat(500_000))]);
  assert.equal((await all(journal, s0)).length, 2);
  await journal.close();
});

test('a writer that can not be opened for lack of room leaves nothing behind', async () => {
  const directory = newDirectory();
  const { ops, fail } = createFaultyOps();
  const journal: Journal = openFileJournal({ directory, segmentBytes, ops });
  fail({
    write: () => {
      throw diskError('ENOSPC');
    },
  });
  await assert.rejects(journal.openWriter([s0]), /ENOSPC/);
  assert.deepEqual(fs.readdirSync(directory), []);
  fail(null);
  await commit(await journal.openWriter([s0]), [entry(s0, 1, 1, 'a1')]);
  await journal.close();
});

test('a real full disk behaves in the same way (where a file system can be mounted)', async (t) => {
  const directory = newDirectory();
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400k', 'clipbook-test', directory]);
  if (mounted.status !== 0) {
    t.diagnostic('no right to mount: shown with injected errors only');
    return;
  }
  try {
    const journal = openFileJournal({ directory, segmentBytes, retryMs: 5 });
    const writer = await journal.openWriter([s0]);
    const ballast = join(directory, 'ballast');
    await waitFor(() => fs.existsSync(join(directory, '0000000001', 'prepared.tmp')), 'a segment is prepared');
    writeUntilFull(ballast);
    const committed = await fillUp(writer, 0);
    fs.rmSync(ballast);
    await waitFor(() => writer.hasRoom(), 'there is room again');
    await commit(writer, [entry(s0, committed + 1, committed + 1, 'x'.repeat(1000))]);
    assert.equal((await all(journal, s0)).length, committed + 1);
    await journal.close();
  } finally {
    spawnSync('umount', [directory]);
  }
});

/**
 * Commits until there is no room, which must come before an error does; returns the last sequence.
 */
async function fillUp(writer: JournalWriter, lastSeq: number): Promise<number> {
  let seq = lastSeq;
  while (writer.hasRoom()) {
    seq += 1;
    await commit(writer, [entry(s0, seq, seq, 'x'.repeat(1000))]);
    assert.ok(seq < 10_000);
  }
  return seq;
}

function writeUntilFull(path: string): void {
  const fd = fs.openSync(path, 'w');
  try {
    for (;;) if (fs.writeSync(fd, Buffer.alloc(4096)) < 4096) return;
  } catch (error) {
    assert.match(String(error), /ENOSPC/);
  } finally {
    fs.closeSync(fd);
  }
}
