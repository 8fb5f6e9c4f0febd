/** A cart to be priced arrives in the other thread as it was sent. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asCampaignId } from '../../src/domain/ids.js';
import { packPriceRequest, unpackPriceRequest } from '../../src/engine/price-request.js';
import type { PriceRequest, Verdict } from '../../src/records/objects.js';
import type { Cart, CartLine } from '../../src/records/promotions.js';

/** Each field has to be named here, an optional one too. */
type Fields<T> = { readonly [Name in keyof Required<T>]: fc.Arbitrary<T[Name]> };

const text = fc.string({ unit: 'binary', maxLength: 12 });
const texts = fc.array(text, { maxLength: 3 });
const amount = fc.maxSafeNat();
const line: Fields<CartLine> = { productId: text, categoryIds: texts, quantity: amount, unitPrice: amount };
const cart: Fields<Cart> = {
  lines: fc.option(fc.array(fc.record(line), { maxLength: 3 })),
  total: amount,
  productIds: texts,
  shipping: fc.option(amount),
  currency: text,
};
const verdict: Fields<Verdict> = { promotionId: text, version: amount, reason: fc.option(text) };
const request: Fields<PriceRequest> = {
  campaignId: fc.option(fc.uuid().map(asCampaignId)),
  codes: texts,
  promotionIds: texts,
  isWhole: fc.boolean(),
  cart: fc.record(cart),
  userId: fc.option(text),
  segments: texts,
  mode: fc.constantFrom('all', 'best'),
  verdicts: fc.array(fc.record(verdict), { maxLength: 3 }),
};

test('a packed request is unpacked as it was', () => {
  fc.assert(
    fc.property(fc.record(request), (one) => {
      // fast-check makes objects without a prototype.
      const made = structuredClone(one);
      assert.deepEqual(unpackPriceRequest(structuredClone(packPriceRequest(made))), made);
    }),
    { numRuns: 1_000 },
  );
});
