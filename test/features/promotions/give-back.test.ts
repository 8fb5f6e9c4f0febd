/** How much each step of a rollback gives back, for carts of any size and any steps. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backOf } from '../../../src/features/promotions/give-back.js';
import type { GivenBack, ReservedCart } from '../../../src/records/promotions.js';

/** The sum of five is a safe integer, as that of a cart is. */
const AMOUNT_MAX = 2 ** 50;

const cart: fc.Arbitrary<ReservedCart> = fc
  .array(
    fc.record({
      quantity: fc.integer({ min: 1, max: 1_000_000 }),
      amounts: fc.tuple(fc.nat(1000), fc.integer({ min: 0, max: AMOUNT_MAX })),
    }),
    { minLength: 1, maxLength: 5 },
  )
  .map((rows) => ({
    currency: 'USD',
    originalAmount: 0,
    discountAmount: 0,
    finalAmount: 0,
    lines: rows.map(({ quantity }, at) => ({ productId: `product-${at % 3}`, quantity, unitPrice: 0 })),
    holds: [0, 1].map((hold) => {
      const lines = rows.map(({ amounts }, line) => ({ line, amount: amounts[hold] ?? 0 }));
      return {
        promotionId: `promotion-${hold}`,
        // What is more than the lines have is of the shipping.
        amount: lines.reduce((sum, { amount }) => sum + amount, hold === 0 ? 7 : 0),
        lines: hold === 0 ? lines.slice(0, 3) : lines,
        periodMs: null,
        isReferral: false,
      };
    }),
  }));

test('whatever the steps are, none takes money away again, and all of them give back exactly what was held', () => {
  fc.assert(
    fc.property(cart, fc.array(fc.tuple(fc.nat(2), fc.double({ min: 0, max: 1, noNaN: true }))), (reserved, steps) => {
      const products = [...new Set(reserved.lines?.map(({ productId }) => productId))];
      let before: GivenBack | null = null;
      const left = new Map(products.map((id) => [id, piecesOf(reserved, id)]));
      const parts = steps.map(([product, share]) => [products[product % products.length] ?? '', share] as const);
      for (const [productId, share] of [...parts, ...products.map((id) => [id, 1] as const)]) {
        const pieces = left.get(productId) ?? 0;
        const quantity = Math.ceil(pieces * share);
        if (quantity === 0) continue;
        const back = backOf(reserved, before, [{ productId, quantity }]);
        assert('givenBack' in back, JSON.stringify(back));
        left.set(productId, pieces - quantity);
        for (const [hold, { amount }] of reserved.holds.entries()) {
          const given: number = back.givenBack.amounts[hold] ?? 0;
          assert(given >= (before?.amounts[hold] ?? 0) && given <= amount);
        }
        assert.equal(
          back.isWhole,
          [...left.values()].every((count) => count === 0),
        );
        before = back.givenBack;
      }
      assert.deepEqual(
        before?.amounts,
        reserved.holds.map(({ amount }) => amount),
      );
    }),
  );
});

function piecesOf({ lines }: ReservedCart, id: string): number {
  return (lines ?? []).reduce((sum, { productId, quantity }) => sum + (productId === id ? quantity : 0), 0);
}
