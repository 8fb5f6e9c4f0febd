/**
 * Drawing from a book's pool is uniform: Pearson's chi-squared test, with the system's own
 * randomness.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { CodeTable } from '../../src/features/coupons/code-table.js';
import { Pool } from '../../src/features/coupons/pool.js';
import { systemRandom } from '../../src/shard/shard-thread.js';
import { FIXED_HASH_KEY } from '../../src/tables/keyed-hash.js';

const CODES = 1000;
const DRAWS = 1_000_000;

it('1,000,000 draws from 1,000 codes, each given back, pass a chi-squared test', () => {
  const pool = new Pool(new CodeTable(FIXED_HASH_KEY), 0);
  for (let index = 0; index < CODES; index++) pool.put(index);
  const random = systemRandom();
  const counts = new Uint32Array(CODES);
  for (let draw = 0; draw < DRAWS; draw++) {
    const index = pool.draw(random);
    counts[index] = (counts[index] ?? 0) + 1;
    // Taken and given back: the pool is in another order for the next draw.
    pool.take(index);
    pool.put(index);
  }
  const expected = DRAWS / CODES;
  let chiSquared = 0;
  for (const count of counts) chiSquared += (count - expected) ** 2 / expected;
  // 999 degrees of freedom: outside of these once in ten million runs on either side (Wilson and
  // Hilferty's approximation).
  assert.ok(chiSquared > 776 && chiSquared < 1254, `chi-squared is ${chiSquared}`);
});

it('the system’s randomness can announce its next numbers, as far as they are drawn', () => {
  const random = systemRandom();
  // Before the first call nothing has come from the system.
  assert.equal(random.peek?.(0), undefined);
  let told = 0;
  for (let turn = 0; turn < 300; turn++) {
    random.uint32();
    const ahead = Array.from({ length: 32 }, (_, n) => random.peek?.(n));
    for (const expected of ahead) {
      const given = random.uint32();
      if (expected === undefined) continue;
      assert.equal(given, expected);
      told++;
    }
  }
  assert.ok(told > 9_000, `${told} of 9,600`);
});
