import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomDirectoryKey } from '../../src/compose/hash-keys.js';
import { asShardId, type ShardId } from '../../src/domain/ids.js';
import { type CodeHashes, collectHashes, createDirectory, createDirectoryReader } from '../../src/engine/directory.js';

const KEY = randomDirectoryKey();

const SHARD = asShardId(3);

function hashesOf(codes: readonly string[], shard: ShardId = SHARD): CodeHashes[] {
  const messages: CodeHashes[] = [];
  const { add, flush } = collectHashes(KEY, (_, hashes) => void messages.push(hashes));
  for (const code of codes) add(shard, Buffer.from(code), 0, code.length);
  flush();
  return messages;
}

const codesFrom = (first: number, count: number): string[] =>
  Array.from({ length: count }, (_, n) => `CODE-${first + n}`);

/** What a reader in another thread has: the tables as they are handed out. */
function openDirectory() {
  const grown: SharedArrayBuffer[] = [];
  let handOut = (): void => undefined;
  const directory = createDirectory(
    KEY,
    (table) =>
      new Promise((resolve) => {
        grown.push(table);
        handOut = () => {
          reader.replace(table);
          resolve();
        };
      }),
  );
  const reader = createDirectoryReader(KEY, directory.table);
  return { directory, reader, grown, handOut: () => handOut() };
}

test('a code is found in the shards that have it, and no other code is', async () => {
  const { directory, reader } = openDirectory();
  for (const hashes of hashesOf(['A', 'B'])) await directory.add(SHARD, hashes);
  for (const hashes of hashesOf(['B'], asShardId(0))) await directory.add(asShardId(0), hashes);
  assert.deepEqual(reader.find('A'), [3]);
  assert.deepEqual(reader.find('B').sort(), [0, 3]);
  assert.deepEqual(reader.find('C'), []);
  assert.deepEqual([directory.mayHave('A'), directory.mayHave('C')], [true, false]);
  assert.equal(directory.count, 3);
  for (const hashes of hashesOf(['A', 'B'])) await directory.add(SHARD, hashes);
  assert.equal(directory.count, 3, 'what is there already is not counted again');
});

test('while the directory grows, a reader with the old table finds every code that was announced to it', async () => {
  const { directory, reader, grown, handOut } = openDirectory();
  const codes = codesFrom(0, 40_000);
  const told: string[] = [];
  for (let at = 0; at < codes.length; at += 100) {
    const some = codes.slice(at, at + 100);
    const tables = grown.length;
    let isTold = false;
    const adding = Promise.all(hashesOf(some).map((hashes) => directory.add(SHARD, hashes))).then(() => {
      isTold = true;
    });
    while (!isTold && grown.length === tables) await new Promise(setImmediate);
    if (grown.length > tables) {
      await new Promise(setImmediate);
      assert.equal(isTold, false, 'nobody is told before the reader has the larger table');
      for (const code of told) assert.deepEqual(reader.find(code), [3]);
      handOut();
    }
    await adding;
    told.push(...some);
    assert.deepEqual(reader.find(some[0] ?? ''), [3]);
  }
  for (const code of codes) assert.deepEqual(reader.find(code), [3]);
  for (const code of codesFrom(40_000, 10_000)) assert.deepEqual(reader.find(code), []);
  assert.equal(directory.count, codes.length);
  assert.deepEqual(
    grown.map((table) => table.byteLength),
    [65_536, 131_072, 262_144, 524_288],
  );
});
