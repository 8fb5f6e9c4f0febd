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
import type { Cut } from '../../src/journal/file/heads.js';
import { crc32ByTable, EMPTY_COMMIT_BYTES } from '../../src/journal/file/record.js';
import { JournalDamaged, type JournalWriter } from '../../src/journal/journal.js';
import { all, commit, entry } from './conformance.js';
import { waitFor } from './wait-for.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-damage-'));
after(() => fs.rmSync(directories, { recursive: true }));

const s0 = asShardId(0);
const s1 = asShardId(1);
const segmentBytes = 64 * 1024;

test('a journal cut at any byte of its last commit opens with exactly the complete commits', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [, secondEnd = 0, thirdEnd = 0] = ends;
  // A record is padded to 8 bytes: the last of them may be missing and the commit is whole all the
  // same.
  const needed = secondEnd + 64 + whole.readUInt32LE(secondEnd + 8);
  assert.ok(needed <= thirdEnd && thirdEnd - needed < 12 && thirdEnd === whole.length);
  for (let length = secondEnd; length <= thirdEnd; length += 1) {
    for (const rest of ['missing', 'zeros'] as const) {
      const bytes = Buffer.concat([whole.subarray(0, length), restOf(rest, thirdEnd - length)]);
      const { lastSeqs, texts, cuts } = await openCopy(path, bytes);
      const expected = length >= needed || bytes.subarray(0, needed).equals(whole.subarray(0, needed)) ? 3 : 2;
      assert.deepEqual(lastSeqs, [expected * 2, expected], `cut at ${length}, rest ${rest}`);
      assert.deepEqual(texts, ['1-2 one', '3-4 two', '5-6 three'].slice(0, expected));
      const written = bytes.findLastIndex((byte) => byte !== 0) + 1 - secondEnd;
      const isCut = expected === 2 && written > 0;
      assert.deepEqual(
        cuts.map(({ offset, bytes: count }) => [offset, count]),
        isCut ? [[secondEnd, written]] : [],
        `cut at ${length}, rest ${rest}`,
      );
    }
  }
});

test('noise in the last commit is not a torn write: it stops the opening, with file and offset', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [, secondEnd = 0, thirdEnd = 0] = ends;
  const needed = secondEnd + 64 + whole.readUInt32LE(secondEnd + 8);
  for (let length = secondEnd; length < needed; length += 1) {
    const bytes = Buffer.concat([whole.subarray(0, length), restOf('noise', thirdEnd - length)]);
    await assert.rejects(openCopy(path, bytes), isDamageAt(secondEnd), `noise from ${length} on`);
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

test('a byte flipped in the last commit stops the opening, with file and offset', async () => {
  const { path, ends } = await threeCommits();
  const whole = fs.readFileSync(path);
  const [, secondEnd = 0, thirdEnd = 0] = ends;
  const needed = secondEnd + 64 + whole.readUInt32LE(secondEnd + 8);
  for (let at = secondEnd; at < thirdEnd; at += 1) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    // What is behind the body belongs to no entry.
    if (at < needed) await assert.rejects(openCopy(path, bytes), isDamageAt(secondEnd), `flipped at ${at}`);
    else assert.deepEqual((await openCopy(path, bytes)).lastSeqs, [6, 3], `flipped at ${at}`);
  }
});

test('a byte flipped in the start record of an epoch without commits stops the opening, also when it is all there is', async () => {
  const directory = fs.mkdtempSync(join(directories, 'd-'));
  await (await open(directory)).close();
  const path = join(directory, '0000000001', '00000000.seg');
  const whole = fs.readFileSync(path);
  for (let at = 0; at < 64 + whole.readUInt32LE(8); at += 1) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ 0x10;
    await assert.rejects(openCopy(path, bytes), isDamageAt(0), `flipped at ${at}`);
  }
});

test('a commit of many sectors that lacks any of them is torn, and one with a flipped bit is damaged', async () => {
  const directory = fs.mkdtempSync(join(directories, 'd-'));
  const path = join(directory, '0000000001', '00000000.seg');
  const writer = await open(directory);
  await commit(writer, [entry(s0, 1, 1, 'before')]);
  const before = endOfRecords(fs.readFileSync(path));
  await commit(writer, [{ ...entry(s0, 2, 2, ''), payload: Buffer.alloc(2500, 'many sectors ') }]);
  const whole = fs.readFileSync(path);
  const end = endOfRecords(whole);
  await writer.close();
  const sectors: [number, number][] = [];
  for (let at = before; at < end; at = at - (at % 512) + 512) sectors.push([at, Math.min(end, at - (at % 512) + 512)]);
  assert.ok(sectors.length >= 6);
  for (let mask = 0; mask < 2 ** sectors.length; mask += 1) {
    const bytes = Buffer.from(whole);
    for (const [n, [from, to]] of sectors.entries()) if ((mask & (1 << n)) === 0) bytes.fill(0, from, to);
    const isWhole = mask === 2 ** sectors.length - 1;
    const { lastSeqs, cuts } = await openCopy(path, bytes);
    assert.deepEqual(lastSeqs, [isWhole ? 2 : 1, 0], `sectors ${mask.toString(2)}`);
    assert.equal(cuts.length, isWhole || mask === 0 ? 0 : 1, `sectors ${mask.toString(2)}`);
  }
  for (let at = before; at < end - 16; at += 7) {
    const bytes = Buffer.from(whole);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    await assert.rejects(openCopy(path, bytes), isDamageAt(before), `flipped at ${at}`);
  }
});

test('an idle writer leaves a mark, so that a commit before it that is bad in any way is damage', async () => {
  const directory = fs.mkdtempSync(join(directories, 'd-'));
  const path = join(directory, '0000000001', '00000000.seg');
  const writer = await open(directory);
  await commit(writer, [entry(s0, 1, 1, 'one')]);
  const firstEnd = endOfRecords(fs.readFileSync(path));
  await commit(writer, [entry(s0, 2, 2, 'x'.repeat(2000))]);
  await waitFor(() => countRecords(fs.readFileSync(path)) === 4, 'the mark is there');
  const bytes = fs.readFileSync(path);
  // As a torn write would leave it.
  bytes.fill(0, firstEnd - (firstEnd % 512) + 512, firstEnd - (firstEnd % 512) + 1024);
  await assert.rejects(openCopy(path, bytes), isDamageAt(firstEnd));
  // Nothing was lost with a bad mark.
  const marked = fs.readFileSync(path);
  const end = endOfRecords(marked);
  for (let at = end - EMPTY_COMMIT_BYTES; at < end; at += 1) {
    const flipped = Buffer.from(marked);
    flipped[at] = (flipped[at] ?? 0) ^ 4;
    assert.deepEqual((await openCopy(path, flipped)).lastSeqs, [2, 0], `flipped at ${at}`);
  }
  await writer.close();
});

test('a writer that is closed leaves a mark behind its last commit', async () => {
  const { path, directory } = await threeCommits();
  const before = countRecords(fs.readFileSync(path));
  const writer = await open(directory);
  await commit(writer, [entry(s0, 7, 7, 'last')]);
  await writer.close();
  const bytes = fs.readFileSync(join(directory, '0000000002', '00000000.seg'));
  assert.equal(countRecords(bytes), 3);
  assert.equal(bytes.length, endOfRecords(bytes));
  const idle = await open(directory);
  await idle.close();
  assert.equal(countRecords(fs.readFileSync(join(directory, '0000000003', '00000000.seg'))), 1, 'no commit, no mark');
  assert.equal(before, 4);
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
  await assert.rejects(open(directory), (error) => error instanceof JournalDamaged && error.place === path);
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
  fs.truncateSync(second, fs.statSync(second).size - EMPTY_COMMIT_BYTES - 20);
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
  for (const [index, text] of ['one', 'two', 'three'].entries()) {
    const n = index + 1;
    await commit(writer, [entry(s0, 2 * n - 1, 2 * n, text), entry(s1, n, n, `${text} of the other`)]);
  }
  const bytes = fs.readFileSync(path);
  await writer.close();
  const ends = recordEnds(bytes).slice(1);
  assert.equal(ends.length, 3);
  // As a crash leaves it: without the mark that closing made.
  fs.writeFileSync(path, bytes.subarray(0, ends.at(-1)));
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

/**
 * Opens a journal of one segment with these bytes; what is durable in it, and what a reader then
 * shows of shard 0.
 */
async function openCopy(
  path: string,
  bytes: Buffer,
): Promise<{ lastSeqs: number[]; texts: string[]; cuts: readonly Cut[] }> {
  const directory = fs.mkdtempSync(join(directories, 'c-'));
  fs.mkdirSync(join(directory, '0000000001'));
  fs.writeFileSync(join(directory, '0000000001', '00000000.seg'), bytes);
  assert.ok(fs.existsSync(path));
  // No fdatasync: hundreds of openings in a row, and none of them is about the medium.
  const ops = { ...realFileOps, sync: () => undefined, syncDirectory: () => undefined };
  const cuts: Cut[] = [];
  const journal = openFileJournal({ directory, segmentBytes, ops, onCut: (cut) => cuts.push(cut) });
  try {
    const writer = await journal.openWriter([s0, s1]);
    return { lastSeqs: [...writer.lastSeqs.values()], texts: await all(journal, s0), cuts };
  } finally {
    await journal.close();
    fs.rmSync(directory, { recursive: true });
  }
}

function restOf(kind: 'missing' | 'zeros' | 'noise', bytes: number): Buffer {
  return Buffer.alloc(kind === 'missing' ? 0 : bytes, kind === 'zeros' ? 0 : 0xa5);
}

function startEnd(bytes: Buffer): number {
  return recordEnds(bytes)[0] ?? 0;
}

function endOfRecords(bytes: Buffer): number {
  return recordEnds(bytes).at(-1) ?? 0;
}

function countRecords(bytes: Buffer): number {
  return recordEnds(bytes).length;
}

function recordEnds(bytes: Buffer): number[] {
  const ends: number[] = [];
  for (let end = 0; end < bytes.length && bytes.readUInt32LE(end) !== 0; ends.push(end)) {
    end += Math.ceil((64 + bytes.readUInt32LE(end + 8) + 4) / 8) * 8;
  }
  return ends;
}

function isDamageAt(offset: number): (error: unknown) => boolean {
  return (error) =>
    error instanceof JournalDamaged && /0000000001\/00000000\.seg$/.test(error.place) && error.offset === offset;
}

function segmentsIn(directory: string): string[] {
  return fs.readdirSync(join(directory, '0000000001')).filter((name) => name.endsWith('.seg'));
}
