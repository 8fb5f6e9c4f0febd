/** Several unique codes of one book in a cart. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Verdict } from '../../../src/domain/decide.js';
import { lock, openShard, redeem, type TestShard } from '../shard.js';
import { discount, heldUntil, reserve, reserved, retryAt } from './promotion-shard.js';

const BOTH = { codes: ['A-1', 'A-2'], userId: 'ada' } as const;

/** A book for bearers with the codes that takes 10 % of a cart. */
function withBook(): TestShard {
  const shard = openShard();
  shard.addBook({ redeemableBy: 'bearer' }, ['A-1', 'A-2']);
  assert.equal(shard.run(discount({})).kind, 'change');
  return shard;
}

function reservedOf(shard: TestShard) {
  const { quote } = reserved(shard, BOTH);
  return [quote.applied.map(({ code }) => code), quote.steps.filter(({ kind }) => kind === 'skipped')] as const;
}

describe('two codes of one book', () => {
  it('are one discount, and the second says so', () => {
    const [applied, [skipped]] = reservedOf(withBook());
    assert.deepEqual(applied, ['A-1']);
    assert(skipped?.kind === 'skipped');
    assert.deepEqual(
      [skipped.code, skipped.reason, skipped.explanation],
      ['A-2', 'Coupon cannot be combined with the others', 'Of a book one code applies, and that is A-1'],
    );
  });

  it('apply by the second, if something stands against the first', () => {
    for (const mode of ['all', 'best'] as const) {
      const shard = withBook();
      assert.equal(shard.run(redeem('A-1', 'ada')).kind, 'change');
      assert.deepEqual(reservedOf(shard)[0], ['A-2'], mode);
    }
  });
});

describe('a lock of one of several codes', () => {
  const missing = (verdict: Verdict): unknown => {
    assert(verdict.kind === 'refused');
    return [verdict.missing, retryAt(verdict), heldUntil(verdict)];
  };

  it('by another user is nothing to wait for: the code stays with that user', () => {
    const shard = withBook();
    shard.run(lock('A-1', 'bob', 700));
    const name = { name: 'A-1', reason: 'Coupon is not available to this user' };
    assert.deepEqual(missing(shard.run(reserve({ ...BOTH, isWhole: true }))), [[name], null, null]);
  });

  it('by another cart of the same user says when that ends', () => {
    const shard = withBook();
    reserved(shard, { ...BOTH, codes: ['A-1'] });
    const name = { name: 'A-1', reason: 'Coupon usage limit exceeded' };
    assert.deepEqual(missing(shard.run(reserve({ ...BOTH, isWhole: true }))), [[name], 1000, 1000]);
  });
});
