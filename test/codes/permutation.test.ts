import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createPermutation, deriveKey, PERMUTATION_ROWS_MAX, type Permutation } from '../../src/codes/permutation.js';

const KEY = new Uint8Array(32).fill(1);
const keys = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('the permutation', () => {
  const exhaustive = [[], [2], [10], [3, 2], [36, 26], [10, 10, 10, 10], [2, 2, 2, 2, 2, 2, 2, 3], [32, 32, 32, 32]];
  for (const radices of exhaustive) {
    it(`of radices [${radices}] reaches every row exactly once`, () => assertBijection(radices));
  }

  // Just above 2^20, where the Feistel network begins; the second has halves as unequal as they
  // get.
  for (const radices of [
    [36, 36, 36, 36],
    [2, 26, 26, 26, 36, 2],
  ]) {
    it(`of radices [${radices}] reaches every row exactly once, by rounds instead of a table`, () =>
      assertBijection(radices));
  }

  it('gives different rows for different counters, whatever the radices and the key', () => {
    fc.assert(
      fc.property(
        keys,
        fc.array(fc.constantFrom(2, 4, 10, 16, 26, 32, 36), { minLength: 5, maxLength: 64 }),
        fc.nat(),
        (key, radices, start) => {
          const permutation = createPermutation(key, radices);
          const count = Math.min(1000, permutation.counters);
          const from = start % (permutation.counters - count + 1);
          const rows = rowsOf(permutation, radices.length, from, count);
          assert.equal(new Set(rows.map(String)).size, count);
          assert.ok(rows.every((row) => row.every((digit, i) => digit < (radices[i] as number))));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives a counter the same row, however the range around it is split', () => {
    const radices = Array<number>(20).fill(36);
    const permutation = createPermutation(KEY, radices);
    const start = 2 ** 40 - 5;
    const whole = rowsOf(permutation, 20, start, 10);
    const single = Array.from({ length: 10 }, (_, i) => rowsOf(permutation, 20, start + i, 1)[0]);
    assert.deepEqual(single, whole);
    assert.deepEqual(rowsOf(createPermutation(KEY, radices), 20, start, 10), whole);
  });

  it('changes about all it can when the counter or one bit of the key changes', () => {
    const radices = Array<number>(16).fill(32);
    const rows = rowsOf(createPermutation(KEY, radices), 16, 0, 2000);
    const otherKey = KEY.slice();
    otherKey[31] = (otherKey[31] as number) ^ 1;
    const others = rowsOf(createPermutation(otherKey, radices), 16, 0, 2000);
    const equalShare = (a: readonly number[][], b: readonly number[][]) =>
      a.flatMap((row, i) => row.filter((digit, j) => digit === b[i]?.[j])).length / (a.length * 16);
    // 1/32 = 0.03125; a standard deviation is 0.001.
    assert.ok(Math.abs(equalShare(rows, others) - 1 / 32) < 0.006);
    assert.ok(Math.abs(equalShare(rows.slice(1), rows.slice(0, -1)) - 1 / 32) < 0.006);
  });

  it('refuses counters beyond the keyspace', () => {
    const permutation = createPermutation(KEY, [10, 10]);
    assert.equal(permutation.counters, 100);
    assert.throws(() => permutation.digits(99, 2), /not within 100/);
    assert.throws(() => permutation.digits(-1, 1), /not within/);
    assert.throws(() => permutation.digits(0.5, 1), /not within/);
  });

  it('has a key of its own for each book and pattern', () => {
    const master = new Uint8Array(32).fill(9);
    const derived = [
      deriveKey(master, 'a', '####'),
      deriveKey(master, 'b', '####'),
      deriveKey(master, 'a', '#####'),
      deriveKey(new Uint8Array(32).fill(8), 'a', '####'),
    ].map((key) => Buffer.from(key).toString('hex'));
    assert.equal(new Set(derived).size, 4);
    assert.ok(derived.every((key) => key.length === 64));
    assert.throws(() => deriveKey(new Uint8Array(16), 'a', '####'), /16 bytes/);
  });
});

function assertBijection(radices: readonly number[]): void {
  const permutation = createPermutation(KEY, radices);
  const size = radices.reduce((product, radix) => product * radix, 1);
  assert.equal(permutation.counters, size);
  const seen = new Uint8Array(size);
  let reached = 0;
  for (let from = 0; from < size; from += PERMUTATION_ROWS_MAX) {
    const count = Math.min(PERMUTATION_ROWS_MAX, size - from);
    const digits = permutation.digits(from, count);
    for (let row = 0; row < count; row++) {
      let value = 0;
      for (let i = 0; i < radices.length; i++) {
        value = value * (radices[i] as number) + (digits[row * radices.length + i] as number);
      }
      if (seen[value] === 0) reached++;
      seen[value] = 1;
    }
  }
  assert.equal(reached, size);
}

function rowsOf(permutation: Permutation, width: number, from: number, count: number): number[][] {
  const digits = permutation.digits(from, count);
  return Array.from({ length: count }, (_, row) => [...digits.subarray(row * width, (row + 1) * width)]);
}
