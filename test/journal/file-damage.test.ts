/** What a crash tears off is cut; what anything else changed is refused. */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as zlib from 'node:zlib';
import { asShardId } from '../../src/domain/ids.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { realFileOps } from '../../src/journal/file/file-ops.js';
import { crc32ByTable } from '../../src/journal/file/record.js';
import { JournalDamaged, type JournalWriter } from '../../src/journal/journal.js';
import { all, commit, entry } from './conformance.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-damage-'));
after(() => fs.rmSync(directories, { recursive: true }));

const s0 = asShardId(0);
const s1 = asShardId(1);
const segmentBytes = 64 * 1024;

test('cut at every byte of its last commit, the journal opens with exactly the whole commits', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [, secondEnd = 0, thirdEnd = 0] = ends;
  // A record is padded to 8 bytes: the last of them may be missing and the commit is whole all the same.
  const needed = secondEnd + 64 + whole.readUInt32LE(secondEnd + 8);
  assert.ok(needed <= thirdEnd && thirdEnd - needed < 8 && thirdEnd === whole.length);
  for (let length = secondEnd; length <= thirdEnd; length += 1) {
    for (const rest of ['missing', 'zeros', 'noise'] as const) {
      const bytes = Buffer.concat([whole.subarray(0, length), restOf(rest, thirdEnd - length)]);
      const { lastSeqs, texts } = await openCopy(path, bytes);
      const expected = length >= needed || bytes.subarray(0, needed).equals(whole.subarray(0, needed)) ? 3 : 2;
      assert.deepEqual(lastSeqs, [expected * 2, expected], `cut at ${length}, rest ${rest}`);
      assert.deepEqual(texts, ['1-2 one', '3-4 two', '5-6 three'].slice(0, expected));
    }
  }
});

test('after a torn tail was cut, the next writer goes on and the tail stays void', async () => {
  const { path, directory, ends } = await threeCommits();
  fs.truncateSync(path, (ends[1] ?? 0) + 100);
  const journal = openFileJournal({ directory, segmentBytes });
  await commit(await journal.openWriter([s0, s1]), [entry(s0, 5, 5, 'instead')]);
  await journal.close();
  const again = openFileJournal({ directory, segmentBytes });
  await again.openWriter([s0, s1]);
  assert.deepEqual(await all(again, s0), ['1-2 one', '3-4 two', '5-5 instead']);
  await again.close();
});

test('any byte flipped before the last commit stops the opening, with file and offset', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [firstEnd = 0, secondEnd = 0] = ends;
  const starts = [0, startEnd(whole), firstEnd];
  for (let at = 0; at < secondEnd; at += 1) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    const isPadding = starts.some((start, index) => {
      const next = [...starts, secondEnd][index + 1] ?? 0;
      return at < next && at >= start + 64 + whole.readUInt32LE(start + 8);
    });
    if (isPadding) continue;
    const offset = starts.findLast((start) => start <= at);
    await assert.rejects(openCopy(path, bytes), (error) => {
      assert.ok(error instanceof JournalDamaged, `flipped at ${at}: ${String(error)}`);
      assert.match(error.place, /0000000001\/00000000\.seg$/);
      assert.equal(error.offset, offset, `flipped at ${at}`);
      return true;
    });
  }
});

test('a byte flipped in the last commit takes that commit away, as a torn write would', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [, secondEnd = 0, thirdEnd = 0] = ends;
  for (let at = secondEnd; at < thirdEnd - 8; at += 3) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    assert.deepEqual((await openCopy(path, bytes)).lastSeqs, [4, 2], `flipped at ${at}`);
  }
});

test('a commit cut out and the chain closed by hand is noticed', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [firstEnd = 0, secondEnd = 0] = ends;
  const bytes = Buffer.concat([whole.subarray(0, firstEnd), whole.subarray(secondEnd)]);
  await assert.rejects(openCopy(path, bytes), (error) => error instanceof JournalDamaged && error.offset === firstEnd);
});

test('the lost end of a segment is damage when another segment follows', async () => {
  const directory = await manySegments();
  const segments = segmentsIn(directory);
  assert.ok(segments.length > 3);
  const path = join(directory, '0000000001', segments[1] ?? '');
  const bytes = fs.readFileSync(path);
  const lastRecord = bytes.lastIndexOf('CBJ1');
  fs.writeFileSync(path, bytes.subarray(0, lastRecord + 20));
  await assert.rejects(open(directory), (error) => {
    assert.ok(error instanceof JournalDamaged);
    assert.deepEqual([error.place, error.offset], [path, lastRecord]);
    assert.match(error.message, /journal damaged: .*00000001\.seg at offset \d+/);
    return true;
  });
});

test('a missing segment is damage', async () => {
  const directory = await manySegments();
  const path = join(directory, '0000000001', segmentsIn(directory)[2] ?? '');
  fs.rmSync(path);
  await assert.rejects(open(directory), (error) => error instanceof JournalDamaged && error.place === path);
});

test('a bad start of the last segment is a torn tail when nothing follows it, else damage', async () => {
  const directory = await manySegments();
  const path = join(directory, '0000000001', segmentsIn(directory).at(-1) ?? '');
  const bytes = fs.readFileSync(path);
  bytes[100] = (bytes[100] ?? 0) ^ 1;
  fs.writeFileSync(path, bytes);
  await assert.rejects(open(directory), (error) => error instanceof JournalDamaged && error.offset === 0);
  fs.writeFileSync(path, bytes.subarray(0, startEnd(bytes)));
  await (await open(directory)).close();
});

test('changing an epoch after the next one began is noticed', async () => {
  const directory = fs.mkdtempSync(join(directories, 'd-'));
  for (let epoch = 1; epoch <= 3; epoch += 1) {
    const writer = await open(directory);
    await commit(writer, [entry(s0, epoch, epoch, `epoch ${epoch}`)]);
    await writer.close();
  }
  // Whoever can write the file can also cut it at a record: the epoch by itself looks whole then.
  const path = join(directory, '0000000002', '00000000.seg');
  const bytes = fs.readFileSync(path);
  fs.writeFileSync(path, bytes.subarray(0, startEnd(bytes)));
  await assert.rejects(open(directory), (error) => error instanceof JournalDamaged && /0000000003/.test(error.place));
});

test('a coupon whose metadata looks like a record does not turn a torn tail into damage', async () => {
  const { path, directory, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const journal = openFileJournal({ directory, segmentBytes });
  const writer = await journal.openWriter([s0, s1]);
  const forged = Buffer.from(whole.subarray(ends[1], ends[2]));
  forged.writeUInt32LE(2, 16);
  forged.writeUInt32LE(zlibCrc(forged.subarray(8, 64 + forged.readUInt32LE(8))), 4);
  // Behind every possible alignment, so that one of them is where records may begin.
  const payload = Buffer.concat(Array.from({ length: 8 }, () => Buffer.concat([forged, Buffer.alloc(1)])));
  await commit(writer, [{ ...entry(s0, 7, 7, ''), payload }]);
  await journal.close();
  const second = join(directory, '0000000002', '00000000.seg');
  fs.truncateSync(second, fs.statSync(second).size - 20);
  const reopened = await open(directory);
  assert.equal(reopened.lastSeqs.get(s0), 6);
  await reopened.close();
});

test('the checksum by table is the one that Node computes', () => {
  const bytes = Buffer.from('The quick brown fox jumps over the lazy dog');
  assert.equal(crc32ByTable(bytes, 0), 0x414fa339);
  assert.equal(crc32ByTable(bytes.subarray(9), crc32ByTable(bytes.subarray(0, 9), 0)), 0x414fa339);
  if (typeof zlib.crc32 === 'function') assert.equal(crc32ByTable(bytes, 77), zlib.crc32(bytes, 77));
});

const zlibCrc = (bytes: Buffer): number => crc32ByTable(bytes, 0);

/** An epoch of shards 0 and 1 with three commits; `ends` are the offsets after each. */
async function threeCommits(): Promise<{ directory: string; path: string; ends: number[] }> {
  const directory = fs.mkdtempSync(join(directories, 'd-'));
  const path = join(directory, '0000000001', '00000000.seg');
  const writer = await open(directory);
  const ends: number[] = [];
  for (const [index, text] of ['one', 'two', 'three'].entries()) {
    const n = index + 1;
    await commit(writer, [entry(s0, 2 * n - 1, 2 * n, text), entry(s1, n, n, `${text} of the other`)]);
    ends.push(endOfRecords(fs.readFileSync(path)));
  }
  await writer.close();
  return { directory, path, ends };
}

async function manySegments(): Promise<string> {
  const directory = fs.mkdtempSync(join(directories, 'd-'));
  const writer = await open(directory);
  for (let seq = 1; seq <= 40; seq += 1) await commit(writer, [entry(s0, seq, seq, 'x'.repeat(7000))]);
  await writer.close();
  return directory;
}

async function open(directory: string): Promise<JournalWriter> {
  return await openFileJournal({ directory, segmentBytes }).openWriter([s0, s1]);
}

/** Opens a journal of one segment with these bytes; what is durable in it, and what a reader then shows of shard 0. */
async function openCopy(path: string, bytes: Buffer): Promise<{ lastSeqs: number[]; texts: string[] }> {
  const directory = fs.mkdtempSync(join(directories, 'c-'));
  fs.mkdirSync(join(directory, '0000000001'));
  fs.writeFileSync(join(directory, '0000000001', '00000000.seg'), bytes);
  assert.ok(fs.existsSync(path));
  // No fdatasync: hundreds of openings in a row, and none of them is about the medium.
  const ops = { ...realFileOps, sync: () => undefined, syncDirectory: () => undefined };
  const journal = openFileJournal({ directory, segmentBytes, ops });
  try {
    const writer = await journal.openWriter([s0, s1]);
    return { lastSeqs: [...writer.lastSeqs.values()], texts: await all(journal, s0) };
  } finally {
    await journal.close();
    fs.rmSync(directory, { recursive: true });
  }
}

function restOf(kind: 'missing' | 'zeros' | 'noise', bytes: number): Buffer {
  return Buffer.alloc(kind === 'missing' ? 0 : bytes, kind === 'zeros' ? 0 : 0xa5);
}

function startEnd(bytes: Buffer): number {
  return Math.ceil((64 + bytes.readUInt32LE(8)) / 8) * 8;
}

function endOfRecords(bytes: Buffer): number {
  let end = 0;
  while (end < bytes.length && bytes.readUInt32LE(end) !== 0) {
    end += Math.ceil((64 + bytes.readUInt32LE(end + 8)) / 8) * 8;
  }
  return end;
}

function segmentsIn(directory: string): string[] {
  return fs.readdirSync(join(directory, '0000000001')).filter((name) => name.endsWith('.seg'));
}
