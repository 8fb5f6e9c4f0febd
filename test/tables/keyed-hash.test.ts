import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { randomDirectoryKey, randomHashKey } from '../../src/compose/hash-keys.js';
import { IdempotencyMemory } from '../../src/domain/idempotency-memory.js';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { type CodeHashes, collectHashes, createDirectory } from '../../src/engine/directory.js';
import { type HashKey, keyedHash, keyedHashOfText } from '../../src/tables/keyed-hash.js';
import { type Field, uint32Column } from '../../src/tables/paged.js';
import { StringTable } from '../../src/tables/string-table.js';
import { hashBytes, hashText } from '../../src/tables/text.js';
import { collidingTexts } from '../support/colliding-texts.js';

const COUNT = 10_000;
/** What ends a text in the record of an idempotency key. */
const END_OF_TEXT = 0xff;

describe('a keyed hash', () => {
  test('of a text and of its bytes is the same', () => {
    const key = randomHashKey();
    const texts = [
      '',
      'A',
      'AB',
      'größe',
      'ABC-größe',
      'ABCD-優',
      'x'.repeat(255),
      'x'.repeat(256),
      'x'.repeat(257),
      'y'.repeat(2_000),
    ];
    for (const text of texts) {
      const bytes = Buffer.from(`<${text}>`);
      assert.equal(keyedHashOfText(key, text), keyedHash(key, bytes, 1, bytes.length - 1), text.slice(0, 20));
    }
  });

  test('of texts that differ in a character, in their length or in a block differs', () => {
    const key = randomHashKey();
    const texts = new Set<string>();
    for (let length = 0; length <= 600; length++) texts.add('\0'.repeat(length)).add('A'.repeat(length));
    for (let place = 0; place < 600; place++) texts.add(`${'B'.repeat(place)}C${'B'.repeat(599 - place)}`);
    const hashes = new Set([...texts].map((text) => keyedHashOfText(key, text)));
    // Two in 1,800 are equal with odds of 1 in 2,600.
    assert.ok(hashes.size >= texts.size - 1, `${texts.size - hashes.size} are equal`);
  });

  test('spreads over all slots, in its low bits and in its high ones', () => {
    const key = randomHashKey();
    const counts = { low: new Uint32Array(64), high: new Uint32Array(64) };
    for (let n = 0; n < 64_000; n++) {
      const hash = keyedHashOfText(key, `SUMMER-${n}`);
      for (const [bits, slot] of [
        ['low', hash & 63],
        ['high', hash >>> 26],
      ] as const)
        counts[bits][slot] = (counts[bits][slot] as number) + 1;
    }
    for (const count of [...counts.low, ...counts.high]) assert.ok(count > 800 && count < 1_200, `${count} of 1000`);
  });
});

/**
 * The reads of a table while the texts come in and are looked up: each is a text that it had to be
 * compared with.
 */
function readsOf(key: HashKey, texts: readonly string[]): number {
  let reads = 0;
  const offsets = uint32Column();
  const counting: Field = {
    get(row) {
      reads++;
      return offsets.get(row);
    },
    set: (row, value) => offsets.set(row, value),
  };
  const table = new StringTable(key, counting);
  texts.forEach((text, index) => void table.findOrAdd(text, index));
  for (const text of texts) assert.notEqual(table.find(text), -1);
  return reads;
}

describe('ten thousand texts that collide under the hash with a fixed seed', () => {
  const colliding = collidingTexts(COUNT, 0);
  const others = Array.from({ length: COUNT }, (_, n) => n.toString(36).toUpperCase().padStart(84, '0'));

  test('do collide under it', () => {
    assert.equal(new Set(colliding).size, COUNT);
    assert.deepEqual(new Set(colliding.map((text) => hashText(text, 0))).size, 1);
  });

  test('cost a table of codes or users no more comparisons than others', () => {
    const [expected, actual] = [readsOf(randomHashKey(), others), readsOf(randomHashKey(), colliding)];
    assert.ok(expected > COUNT && actual < expected * 1.2, `${actual} against ${expected}`);
  });

  test('cost the directory no more probes than others', async () => {
    const longest = async (texts: readonly string[]): Promise<number> => {
      const key = randomDirectoryKey();
      const directory = createDirectory(key, async () => undefined);
      const messages: CodeHashes[] = [];
      const { add, flush } = collectHashes(key, (_, hashes) => void messages.push(hashes));
      for (const text of texts) {
        const bytes = Buffer.from(text);
        add(asShardId(1), bytes, 0, bytes.length);
      }
      flush();
      for (const hashes of messages) await directory.add(asShardId(1), hashes);
      assert.equal(directory.count, COUNT);
      return longestRun(new Uint32Array(directory.table));
    };
    const [expected, actual] = [await longest(others), await longest(colliding)];
    assert.ok(actual < 100 && expected < 100, `${actual} against ${expected} slots in a row`);
  });

  test('are as fast as others as idempotency keys, and as callers', () => {
    const cpuMs = (name: (n: number) => { caller: string; key: string }): number => {
      const memory = new IdempotencyMemory({ hashKey: randomHashKey(), ttlMs: 1e9, bytesMax: 1e9 });
      const { user, system } = process.cpuUsage();
      for (let n = 0; n < COUNT; n++) {
        const { caller, key } = name(n);
        assert.equal(memory.find(caller, null, key, 0), null);
        memory.remember(caller, null, key, { fingerprint: n, seq: asSeq(n), atMs: 0, outcome: { kind: 'archived' } });
      }
      const used = process.cpuUsage();
      return (used.user + used.system - user - system) / 1000;
    };
    const asKeys = (texts: readonly string[]) => (n: number) => ({ caller: 'till', key: texts[n] as string });
    const asCallers = (texts: readonly string[]) => (n: number) => ({ caller: texts[n] as string, key: 'k' });
    // Each name was hashed with the hash of its scope as the seed: of the caller, then of no book.
    const end = Buffer.from([END_OF_TEXT]);
    const till = Buffer.concat([Buffer.from('till'), end]);
    const keys = collidingTexts(COUNT, hashBytes(end, 0, 1, hashBytes(till, 0, till.length, 0)));
    for (const [what, actualNames, otherNames] of [
      ['callers', asCallers(colliding), asCallers(others)],
      ['keys', asKeys(keys), asKeys(others)],
    ] as const) {
      cpuMs(otherNames);
      const [expected, actual] = [cpuMs(otherNames), cpuMs(actualNames)];
      assert.ok(actual < expected * 10 + 50, `as ${what}: ${actual} against ${expected} ms`);
    }
  });
});

/** Slots in a row that are taken, of two words each, of which the second is 0 in a free one. */
function longestRun(words: Uint32Array): number {
  let longest = 0;
  let run = 0;
  for (let slot = 0; slot < words.length / 2; slot++) {
    run = words[2 * slot + 1] === 0 ? 0 : run + 1;
    longest = Math.max(longest, run);
  }
  return longest;
}
