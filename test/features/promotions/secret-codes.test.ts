/** Unique codes of others in a cart: nothing may tell the user that they are there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { asCampaignId } from '../../../src/domain/ids.js';
import { query } from '../../../src/features/query.js';
import { assign, openShard, type TestShard } from '../shard.js';
import { addPromotion, cartFor, discount, reserve, reserved } from './promotion-shard.js';

/** A book for bearers with the codes and a discount. */
function withBook(): TestShard {
  const shard = openShard();
  shard.addBook({ redeemableBy: 'bearer' }, ['A-1', 'A-2', 'A-3']);
  assert.equal(shard.run(discount({})).kind, 'change');
  return shard;
}

describe('a code that the user must not know of', () => {
  const OTHER = asCampaignId('01890000-0000-7000-8000-00000000c002');

  /** A-1 is another user's, and in a campaign of its own; SAVE is in the default campaign. */
  function withSecret(): TestShard {
    const shard = withBook();
    addPromotion(shard);
    addPromotion(shard, { code: 'ELSEWHERE' }, undefined, OTHER);
    assert.equal(shard.run(assign('A-1', 'bob')).kind, 'change');
    return shard;
  }

  /** Whatever is answered, with another name for the code. */
  function answerTo(given: Parameters<typeof cartFor>[0], secret: string): string {
    const shard = withSecret();
    const codes = given?.codes?.map((code) => (code === '?' ? secret : code)) ?? [];
    const request = cartFor({ userId: 'ada', ...given, codes });
    return JSON.stringify(query(shard.state, { kind: 'quote', request, cart: null }, shard.nowMs)).replaceAll(
      secret,
      '?',
    );
  }

  for (const [name, given] of Object.entries({
    'beside a promotion of another campaign': { codes: ['SAVE', '?'] },
    'before one': { codes: ['?', 'SAVE'] },
    'by itself, in a campaign': { codes: ['?'], campaignId: OTHER },
    'before one that is not there': { codes: ['?', 'X-9', 'SAVE'] },
    'where all or none is asked for': { codes: ['?', 'X-9', 'SAVE'], isWhole: true },
    'by itself where all or none is asked for': { codes: ['?'], isWhole: true, campaignId: OTHER },
  }))
    it(`is like one that is not there, ${name}`, () => {
      assert.equal(answerTo(given, 'A-1'), answerTo(given, 'A-9'));
    });

  it('is not told by the key of another request', () => {
    const shard = withBook();
    assert.equal(shard.run(assign('A-1', 'bob')).kind, 'change');
    reserved(shard, { codes: ['A-2'], userId: 'ada' });
    assert.equal(shard.run(reserve({ codes: ['A-3'], userId: 'ada' }), { key: 'key' }).kind, 'change');
    for (const codes of [['A-1'], ['A-1', 'X-9']]) {
      const verdict = shard.run(reserve({ codes, userId: 'ada' }), { key: 'key', fingerprint: 2 });
      assert(verdict.kind === 'refused');
      assert.equal(verdict.isOthersCode, true);
    }
    const own = shard.run(reserve({ codes: ['A-3'], userId: 'ada' }), { key: 'key', fingerprint: 2 });
    assert(own.kind === 'refused');
    assert.deepEqual([own.reason, own.isOthersCode], ['idempotencyKeyReused', undefined]);
  });
});
