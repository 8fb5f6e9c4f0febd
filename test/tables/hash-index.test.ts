import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { HashIndex } from '../../src/tables/hash-index.js';
import { mix } from '../../src/tables/text.js';

const ROW_BITS = 27;
const SLOTS_FIRST = 16;

type Kind = 'whose owner reads hashes' | 'that keeps hashes';
const KINDS: readonly Kind[] = ['whose owner reads hashes', 'that keeps hashes'];

/** An index, the hash of each row, and the most rows whose hashes one call has read. */
function open(kind: Kind, hashOf: (row: number) => number) {
  let readAtOnce = 0;
  const readHashes = (rows: Uint32Array, count: number, hashes: Uint32Array): void => {
    readAtOnce = Math.max(readAtOnce, count);
    for (let i = 0; i < count; i++) hashes[i] = hashOf(rows[i] as number);
  };
  const index = new HashIndex({
    slotsFirst: SLOTS_FIRST,
    rowBits: ROW_BITS,
    readHashes: kind === 'that keeps hashes' ? null : readHashes,
  });
  return {
    index,
    readAtOnce: () => readAtOnce,
    add: (row: number) => index.add(row, hashOf(row)),
    remove: (row: number) => index.remove(row, hashOf(row)),
    /** All rows that are named for a hash. */
    named(hash: number): number[] {
      const rows: number[] = [];
      for (let row = index.first(hash); row !== -1; row = index.next(hash, row)) rows.push(row);
      return rows;
    },
  };
}

for (const kind of KINDS) {
  describe(`a hash index ${kind}`, () => {
    it('names each row once for its hash, and no removed row', () => {
      // Few hashes, so that runs of used slots are long, and some of them share slot and tag.
      const hashes = fc.constantFrom(
        (row: number) => mix(row),
        (row: number) => mix(row % 7),
        (row: number) => ((row % 3) * 0x08000000 + 5) >>> 0,
        () => 0xffffffff,
        (row: number) => (row * SLOTS_FIRST * 64 + 15) >>> 0,
      );
      const steps = fc.array(fc.record({ row: fc.nat(100), removes: fc.boolean() }), { maxLength: 600, size: 'max' });
      fc.assert(
        fc.property(hashes, steps, (hashOf, run) => {
          const { index, add, remove, named } = open(kind, hashOf);
          const rows = new Set<number>();
          for (const { row, removes } of run) {
            if (removes) assert.equal(remove(row), rows.delete(row));
            else if (!rows.has(row)) {
              rows.add(row);
              add(row);
            }
            assert.equal(index.count, rows.size);
            const found = named(hashOf(row));
            assert.equal(new Set(found).size, found.length, 'a row is named twice');
            for (const one of found) assert.ok(rows.has(one), `${one} is not in the index`);
            for (const one of rows)
              if (hashOf(one) === hashOf(row)) assert.ok(found.includes(one), `${one} is missing`);
          }
          assert.deepEqual([...index.rows()].sort(ascending), [...rows].sort(ascending));
        }),
        { numRuns: 60 },
      );
    });

    it('finds every row at each step of its growth', () => {
      const { add, named } = open(kind, mix);
      for (let last = 0; last < 1_500; last++) {
        add(last);
        for (let row = 0; row <= last; row++) assert.ok(named(mix(row)).includes(row), `${row} after ${last}`);
      }
    });

    it('stays as large as it is while as many rows go as come', () => {
      const { index, add, remove } = open(kind, mix);
      const kept = 1_000;
      for (let row = 0; row < kept; row++) add(row);
      const bytes = index.bytes();
      for (let row = kept; row < 200_000; row++) {
        add(row);
        assert.ok(remove(row - kept));
      }
      assert.equal(index.count, kept);
      // The old array beside the new one, while rows move.
      assert.ok(index.bytes() <= 2 * bytes, `${index.bytes()} bytes after ${bytes}`);
    });

    it('does not grow over the marks of removed rows', () => {
      const { index, add, remove } = open(kind, (row) => row);
      const bytes = index.bytes();
      // A run of used slots whose last one stays, so that no mark in it can be cleared.
      for (let row = 0; row < 10; row++) add(row);
      for (let row = 0; row < 9; row++) assert.ok(remove(row));
      // In other slots, until all rows have moved to the new array.
      for (const row of [12, 28, 44, 60, 76, 92, 108]) {
        add(row);
        assert.ok(remove(row));
      }
      add(124);
      add(140);
      assert.equal(index.bytes(), bytes);
    });

    it('has room for the rows that it was told of', () => {
      const { index, add } = open(kind, mix);
      add(0);
      index.reserve(10_000);
      for (let row = 1; row < 64; row++) add(row);
      const bytes = index.bytes();
      for (let row = 64; row <= 10_000; row++) add(row);
      assert.equal(index.bytes(), bytes);
    });

    it('does not name every row with an equal slot', () => {
      const { add, named } = open(kind, (row) => (row << 27) >>> 0);
      for (let row = 0; row < 32; row++) add(row);
      for (let row = 0; row < 32; row++) assert.deepEqual(named((row << 27) >>> 0), [row]);
    });

    it('refuses a row that does not fit', () => {
      const { index } = open(kind, mix);
      index.add(2 ** ROW_BITS - 3, 0xffffffff);
      assert.equal(index.first(0xffffffff), 2 ** ROW_BITS - 3);
      assert.throws(() => index.add(2 ** ROW_BITS - 2, 0xffffffff), /no place/);
    });
  });
}

it('rows that come and go are hardly ever moved', () => {
  let reads = 0;
  const { add, remove } = open('whose owner reads hashes', (row) => {
    reads++;
    return mix(row);
  });
  const kept = 1_100;
  for (let row = 0; row < kept; row++) add(row);
  reads = 0;
  const turns = 50_000;
  for (let row = kept; row < kept + turns; row++) {
    add(row);
    assert.ok(remove(row - kept));
  }
  // One for each call of add and remove; the others are moves.
  const moved = reads - 2 * turns;
  assert.ok(moved < turns / 20, `${moved} of ${turns}`);
});

it('an insert into a hash index moves a bounded number of rows', () => {
  const { add, readAtOnce } = open('whose owner reads hashes', mix);
  let most = 0;
  for (let row = 0; row < 100_000; row++) {
    add(row);
    most = Math.max(most, readAtOnce());
  }
  assert.ok(most > 16 && most <= 64, `${most} at once`);
});

const ascending = (a: number, b: number): number => a - b;
