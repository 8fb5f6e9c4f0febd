import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { type FileJournal, openFileJournal } from '../../src/journal/file/file-journal.js';
import { JournalLocked, lockDirectory } from '../../src/journal/file/lock.js';
import { createJournalMarksBuffer } from '../../src/journal/file/watermarks.js';
import { all, commit, entry, journalConformance } from './conformance.js';
import { waitFor } from './wait-for.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-journal-'));
after(() => fs.rmSync(directories, { recursive: true }));
const newDirectory = () => fs.mkdtempSync(join(directories, 'j-'));

journalConformance('file', async () => {
  const directory = newDirectory();
  let shared = createJournalMarksBuffer();
  let opened: FileJournal[] = [];
  const closeAll = async () => {
    for (const journal of opened) await journal.close();
    opened = [];
  };
  return {
    open: async () => {
      const journal = openFileJournal({ directory, shared, segmentBytes: 64 * 1024 });
      opened.push(journal);
      return journal;
    },
    restart: async () => {
      await closeAll();
      shared = createJournalMarksBuffer();
    },
    destroy: closeAll,
  };
});

const s0 = asShardId(0);
const s1 = asShardId(1);

test('a segment that was closed is cut to what is in it', async () => {
  const directory = newDirectory();
  const journal = openFileJournal({ directory });
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'one')]);
  await waitFor(async () => (await (await journal.openReader()).size()) > 8_000_000, 'the second segment is ready');
  await journal.close();
  const size = await (await openFileJournal({ directory }).openReader()).size();
  assert.ok(size < 500, `${size} bytes`);
});

test('a writer that is discarded leaves no epoch behind, unless something was appended', async () => {
  const directory = newDirectory();
  const open = async () => {
    const journal = openFileJournal({ directory });
    return { journal, writer: await journal.openWriter([s0]) };
  };
  const first = await open();
  await commit(first.writer, [entry(s0, 1, 1, 'one')]);
  await first.writer.discard?.();
  const before = fs.readdirSync(directory);
  for (let tries = 0; tries < 3; tries++) {
    const { journal, writer } = await open();
    await writer.discard?.();
    await journal.close();
  }
  assert.deepEqual(fs.readdirSync(directory), before);
  const { journal, writer } = await open();
  assert.equal(writer.lastSeqs.get(s0), 1);
  await journal.close();
});

test('epochs whose entries were trimmed are deleted, also those of another layout of threads', async () => {
  const directory = newDirectory();
  for (const layout of [[[s0, s1]], [[s0], [s1]], [[s0, s1]]]) {
    const journal = openFileJournal({ directory, segmentBytes: 64 * 1024 });
    for (const shards of layout) {
      const writer = await journal.openWriter(shards);
      for (const shard of shards) {
        const next = (writer.lastSeqs.get(shard) ?? 0) + 1;
        await commit(writer, [entry(shard, next, next, 'x'.repeat(1000))]);
      }
    }
    await journal.close();
  }
  const journal = openFileJournal({ directory, segmentBytes: 64 * 1024 });
  const one = await journal.openWriter([s0]);
  const other = await journal.openWriter([s1]);
  assert.equal(epochsIn(directory).length, 6);
  one.trim(s0, asSeq(3));
  other.trim(s1, asSeq(3));
  await waitFor(() => {
    one.trim(s0, asSeq(3));
    other.trim(s1, asSeq(3));
    return epochsIn(directory).length === 2;
  }, 'only the epochs of the open writers are left');
  await journal.close();
  const writer = await openFileJournal({ directory }).openWriter([s0, s1]);
  assert.deepEqual([...writer.lastSeqs.values()], [3, 3]);
  await writer.close();
});

test('a reader shows the same after its index was dropped and made again', async () => {
  const directory = newDirectory();
  const journal = openFileJournal({ directory, segmentBytes: 64 * 1024 });
  const writer = await journal.openWriter([s0, s1]);
  // 40 segments: more than a reader has indexed at a time.
  for (let seq = 1; seq <= 250; seq += 1) {
    await commit(writer, [entry(s0, seq, seq, `${seq} ${'x'.repeat(9000)}`), entry(s1, seq, seq, `${seq}`)]);
  }
  const reader = await journal.openReader();
  for (const from of [0, 200, 10, 249, 100]) {
    const [first] = await reader.read(s0, asSeq(from), 1);
    assert.equal(
      Buffer.from(first?.payload ?? [])
        .toString()
        .split(' ')[0],
      String(from + 1),
    );
  }
  assert.equal((await all(journal, s1)).length, 250);
  await journal.close();
});

test('a second process is refused, and a killed one makes way', async () => {
  const directory = newDirectory();
  const script = `
    import { lockDirectory } from ${JSON.stringify(join(import.meta.dirname, '../../src/journal/file/lock.ts'))};
    await lockDirectory(${JSON.stringify(directory)});
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await assert.rejects(lockDirectory(directory), JournalLocked);
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
  const lock = await lockDirectory(directory);
  await assert.rejects(lockDirectory(directory), JournalLocked);
  lock.release();
  (await lockDirectory(directory)).release();
});

test('a lock whose pid was given to another process makes way', async () => {
  const directory = newDirectory();
  (await lockDirectory(directory)).release();
  const lock = await lockDirectory(directory);
  const path = join(directory, 'journal.lock');
  const holder = JSON.parse(fs.readFileSync(path, 'utf8')) as { began: string };
  if (holder.began === null) return;
  fs.writeFileSync(path, JSON.stringify({ ...holder, began: '1' }));
  const mine = await lockDirectory(directory);
  lock.release();
  await assert.rejects(
    lockDirectory(directory),
    JournalLocked,
    'the old holder does not give back what is not its own',
  );
  mine.release();
});

test('locking removes what a crash left unfinished', async () => {
  const directory = newDirectory();
  const journal = openFileJournal({ directory, segmentBytes: 64 * 1024 });
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'one')]);
  await journal.close();
  const [epoch] = epochsIn(directory);
  fs.writeFileSync(join(directory, String(epoch), 'prepared.tmp'), Buffer.alloc(1000));
  fs.mkdirSync(join(directory, '0000000002'));
  fs.writeFileSync(join(directory, '0000000002', '00000000.seg'), Buffer.alloc(1000));
  (await lockDirectory(directory)).release();
  assert.deepEqual(epochsIn(directory), [epoch]);
  assert.deepEqual(fs.readdirSync(join(directory, String(epoch))), ['00000000.seg']);
});

function epochsIn(directory: string): string[] {
  return fs.readdirSync(directory).filter((name) => /^\d+$/.test(name));
}
