import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Smallest } from '../../src/tables/smallest.js';

test('the smallest of any numbers are kept, in order, however many there were', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000)), fc.integer({ min: 1, max: 20 }), (numbers, count) => {
      const smallest = new Smallest(count);
      for (const number of numbers) smallest.add(number);
      const sorted = [...numbers].sort((a, b) => a - b);
      // Of equal numbers as many are kept as there is room for.
      assert.deepEqual([...new Set(smallest.ascending())], [...new Set(sorted.slice(0, count))]);
    }),
  );
});
