/** docs/discounts.md: each row of its tables is a test. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it, test } from 'node:test';
import { priceCart } from '../../../src/features/promotions/pricing/price-cart.js';
import { cellsOf, rowsOf } from './discount-row.js';

const ROWS = rowsOf(readFileSync(new URL('../../../docs/discounts.md', import.meta.url), 'utf8'));

for (const section of new Set(ROWS.map((row) => row.section))) {
  describe(`${section} (docs/discounts.md)`, () => {
    for (const { name, cart, candidates, mode, takes, toPay } of ROWS.filter((row) => row.section === section)) {
      it(name, () => {
        const priced = priceCart(cart, candidates, mode);
        assert.deepEqual(cellsOf(cart, priced), { takes, toPay });
      });
    }
  });
}

test('the page shows at least 100 cases, each under a name of its own', () => {
  assert.ok(ROWS.length >= 100, `${ROWS.length} rows are read`);
  const names = ROWS.map(({ section, name }) => `${section}: ${name}`);
  assert.equal(new Set(names).size, names.length);
});
