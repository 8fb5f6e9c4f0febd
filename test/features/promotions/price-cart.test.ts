/** The steps of a price, what is refused as a fault of the caller, and properties of all prices. */
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import { priceCart } from '../../../src/features/promotions/pricing/price-cart.js';
import type { Candidate, Cart, Mode, Priced } from '../../../src/features/promotions/pricing/types.js';
import { candidate, cartOf, line, totalOf } from './offers.js';

const price = (cart: Cart, candidates: readonly Candidate[], mode: Mode = 'all'): Priced =>
  priceCart(cart, candidates, mode);
const idsOf = ({ applied }: Priced): string[] => applied.map(({ offer: { id } }) => id);
const sum = (amounts: readonly number[]): number => amounts.reduce((before, amount) => before + amount, 0);

describe('the steps', () => {
  it('tell base, rule, exact value, rounding, limit, amount and what is to pay', () => {
    const cart = cartOf([line('shirt', 1999), line('mug', 500)], 495);
    const { steps } = price(cart, [
      candidate({ id: 'a', code: 'THIRD', discount: 333_333, products: ['shirt'] }),
      candidate({ id: 'b', code: 'HALF', discount: 500_000, maxDiscountAmount: 100 }),
      candidate({ id: 'c', code: 'FLAT', type: 'fixed', discount: 5050 }),
      candidate({ id: 'd', code: null, type: 'shipping', discount: 500_000 }),
    ]);
    assert.deepEqual(steps, [
      {
        kind: 'applied',
        id: 'a',
        code: 'THIRD',
        base: 1999,
        rule: '33.3333 % of the matching goods',
        exact: '6.66332667',
        rounded: 666,
        cap: null,
        amount: 666,
        totalAfter: 2328,
      },
      {
        kind: 'applied',
        id: 'b',
        code: 'HALF',
        base: 1833,
        rule: '50 % of what earlier discounts left of the matching goods',
        exact: '9.165',
        rounded: 917,
        cap: { by: 'maxDiscountAmount', amount: 100 },
        amount: 100,
        totalAfter: 2228,
      },
      {
        kind: 'applied',
        id: 'c',
        code: 'FLAT',
        base: 1733,
        rule: 'USD 50.5 off the matching goods',
        exact: '50.5',
        rounded: 5050,
        cap: { by: 'remaining', amount: 1733 },
        amount: 1733,
        totalAfter: 495,
      },
      {
        kind: 'applied',
        id: 'd',
        code: null,
        base: 495,
        rule: '50 % of the shipping cost',
        exact: '2.475',
        rounded: 248,
        cap: null,
        amount: 248,
        totalAfter: 247,
      },
    ]);
  });

  it('name the smaller one of two limits', () => {
    const { steps } = price(totalOf(10), [candidate({ type: 'fixed', discount: 100, maxDiscountAmount: 50 })]);
    assert.deepEqual(
      steps.map((step) => step.kind === 'applied' && step.cap),
      [{ by: 'remaining', amount: 10 }],
    );
  });

  it('name no limit that equals the discount', () => {
    const { steps } = price(totalOf(100), [candidate({ type: 'fixed', discount: 100, maxDiscountAmount: 100 })]);
    assert.deepEqual(
      steps.map((step) => step.kind === 'applied' && step.cap),
      [null],
    );
  });

  it('show all digits of the exact value, however large', () => {
    const { steps } = price(totalOf(Number.MAX_SAFE_INTEGER), [candidate({ discount: 333_333 })]);
    // 9007199254740991 * 333333 = 3002396749180578753003
    assert.deepEqual(
      steps.map((step) => step.kind === 'applied' && [step.exact, step.rounded]),
      [['30023967491805.78753003', 3_002_396_749_180_579]],
    );
  });

  it('tell that a base is that before discounts', () => {
    const { steps } = price(totalOf(1000), [
      candidate({ id: 'a' }),
      candidate({ id: 'b', stacking: { base: 'original' } }),
    ]);
    assert.deepEqual(
      steps.map((step) => step.kind === 'applied' && [step.base, step.rule]),
      [
        [1000, '10 % of the whole cart'],
        [1000, '10 % of the whole cart before discounts'],
      ],
    );
  });

  it('explain why an offer was skipped', () => {
    const explained = (cart: Cart, ...candidates: readonly Candidate[]): (string | null)[] =>
      price(cart, candidates).steps.flatMap((step) => (step.kind === 'skipped' ? [step.explanation] : []));
    const cart = totalOf(1000);
    assert.deepEqual(explained(cart, candidate({ currency: 'EUR' })), ['The coupon is in EUR, the cart in USD']);
    assert.deepEqual(explained(cart, candidate({ type: 'shipping' })), [
      'The coupon is for shipping, and the cart names no shipping cost',
    ]);
    assert.deepEqual(explained(cart, candidate({ categories: ['clothes'] })), [
      'The coupon is for categories, and a cart without lines names none',
    ]);
    assert.deepEqual(explained(cart, candidate({ products: ['mug'] })), [null]);
    const alone = candidate({ id: 'x', code: 'X', stacking: { exclusive: true } });
    const other = candidate({ id: 'y', code: null });
    assert.deepEqual(explained(cart, alone, other), ['X applies alone']);
    assert.deepEqual(explained(cart, other, alone), ['The coupon applies alone, and y applies already']);
    const ofGroup = (id: string): Candidate => candidate({ id, code: id, stacking: { group: 'summer' } });
    assert.deepEqual(explained(cart, ofGroup('A'), ofGroup('B')), [
      'Of the group summer one coupon applies, and that is A',
    ]);
  });
});

describe('a cart that the caller should have refused', () => {
  const faults: Readonly<Record<string, Cart>> = {
    'with a total that is not the sum of its lines': { ...cartOf([line('a', 100)]), total: 101 },
    'with a fraction of a minor unit': totalOf(0.5),
    'below zero': totalOf(-1),
    'above 2^53 - 1': totalOf(2 ** 53),
    'above 2^53 - 1 with its shipping': { ...totalOf(Number.MAX_SAFE_INTEGER), shipping: 1 },
    'in a currency that does not exist': totalOf(100, 'EUX'),
  };
  for (const [name, cart] of Object.entries(faults))
    it(`${name} is a fault`, () => assert.throws(() => price(cart, [])));
});

test('long lists of products are searched as short ones are', () => {
  const lines = Array.from({ length: 500 }, (_, number) => line(`p${number}`, 100, 1, [`c${number % 5}`]));
  const products = Array.from({ length: 300 }, (_, number) => `p${number * 2}`);
  const { discountAmount } = price(cartOf(lines), [
    candidate({ discount: 1_000_000, products, categories: ['c0'], excludeProducts: ['p0', 'p1', 'p2', 'p5'] }),
  ]);
  // 250 even ones, and every fifth: 100, half of them even; less p0, p2 and p5.
  assert.equal(discountAmount, (250 + 50 - 3) * 100);
});

/** Small, so that products, groups and ties meet often; at times as large as amounts can be. */
const amounts = fc.oneof(
  { arbitrary: fc.integer({ min: 0, max: 400 }), weight: 6 },
  { arbitrary: fc.integer({ min: 0, max: 2 ** 46 }), weight: 1 },
);
const some = <T>(values: readonly T[]): fc.Arbitrary<T[]> =>
  fc.oneof({ arbitrary: fc.constant<T[]>([]), weight: 3 }, { arbitrary: fc.subarray([...values]), weight: 1 });
const orNull = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { freq: 1 });
const percents = fc.oneof(
  fc.constantFrom(100_000, 333_333, 500_000, 1_000_000),
  fc.integer({ min: 0, max: 1_000_000 }),
);

const anyLine = fc.record({
  productId: fc.constantFrom('p', 'q', 'r'),
  categoryIds: fc.subarray(['c', 'd']),
  quantity: fc.integer({ min: 1, max: 3 }),
  unitPrice: amounts,
});

const anyCart: fc.Arbitrary<Cart> = fc
  .tuple(fc.array(anyLine, { maxLength: 5 }), orNull(amounts), fc.boolean())
  .map(([lines, shipping, isTotal]) => {
    const cart = cartOf(lines, shipping);
    return isTotal ? { ...cart, lines: null } : cart;
  });

const anyStacking = fc.record({
  group: fc.constantFrom(null, null, null, 'g', 'h'),
  priority: fc.integer({ min: 0, max: 2 }),
  exclusive: fc.constantFrom(false, false, false, false, true),
  base: fc.constantFrom('running', 'original'),
});
const anyFields = fc.record({
  type: fc.constantFrom('percentage', 'percentage', 'fixed', 'shipping'),
  products: some(['p', 'q']),
  categories: some(['c', 'd']),
  excludeProducts: some(['q', 'r']),
  minPurchaseAmount: orNull(amounts),
  maxDiscountAmount: orNull(amounts),
});

/** Ids are letters in the order of the candidates. */
function anyCandidates(max: number): fc.Arbitrary<Candidate[]> {
  const one = fc.tuple(anyFields, anyStacking, percents, amounts, orNull(amounts));
  return fc.array(one, { maxLength: max }).map((all) =>
    all.map(([fields, stacking, percent, amount, budgetLeft], place) => {
      const id = String.fromCharCode(65 + place);
      // Most offers have neither a minimum, nor a limit, nor a budget.
      const minPurchaseAmount = place % 3 === 0 ? fields.minPurchaseAmount : null;
      const maxDiscountAmount = place % 2 === 0 ? fields.maxDiscountAmount : null;
      const discount = fields.type === 'fixed' ? amount : percent;
      const made = { ...fields, id, code: id, minPurchaseAmount, maxDiscountAmount, discount, stacking };
      return candidate(made, place % 4 === 1 ? budgetLeft : null);
    }),
  );
}

function holds<T extends [unknown, ...unknown[]]>(property: fc.IPropertyWithHooks<T>, numRuns = 1000): void {
  const { FC_SEED, FC_PATH, FC_RUNS } = process.env;
  fc.assert(property, {
    numRuns: Number(FC_RUNS ?? numRuns),
    ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
    ...(FC_PATH === undefined ? {} : { path: FC_PATH }),
  });
}

describe('of every price', () => {
  it('the lines add up to the amounts, the amounts to the discount, and nothing goes below zero', () => {
    holds(
      fc.property(anyCart, anyCandidates(6), fc.constantFrom('all', 'best'), (cart, candidates, mode) => {
        const priced = price(cart, candidates, mode);
        const { applied, steps, originalAmount, discountAmount, finalAmount } = priced;
        assert.equal(originalAmount, cart.total + (cart.shipping ?? 0));
        assert.equal(discountAmount, sum(applied.map(({ amount }) => amount)));
        assert.equal(finalAmount, originalAmount - discountAmount);
        assert.ok(finalAmount >= 0);
        const ofShipping = applied.filter(({ offer: { type } }) => type === 'shipping');
        assert.ok(sum(ofShipping.map(({ amount }) => amount)) <= (cart.shipping ?? 0));
        assert.ok(discountAmount - sum(ofShipping.map(({ amount }) => amount)) <= cart.total);
        for (const { offer, amount, lines } of applied) {
          assert.ok(Number.isSafeInteger(amount) && amount >= 0);
          assert.ok(amount <= (offer.maxDiscountAmount ?? amount));
          if (cart.lines === null || offer.type === 'shipping') assert.deepEqual(lines, []);
          else assert.equal(sum(lines.map((share) => share.amount)), amount);
          for (const share of lines) assert.ok(share.amount > 0);
        }
        for (const [number, { quantity, unitPrice }] of (cart.lines ?? []).entries()) {
          const shares = applied.flatMap(({ lines }) => lines.filter((share) => share.line === number));
          assert.ok(sum(shares.map(({ amount }) => amount)) <= quantity * unitPrice, `line ${number}`);
        }
        assert.deepEqual(steps.map(({ id }) => id).sort(), candidates.map(({ offer: { id } }) => id).sort());
        let toPay = originalAmount;
        for (const step of steps) {
          if (step.kind === 'skipped') continue;
          toPay -= step.amount;
          assert.equal(step.totalAfter, toPay);
          assert.equal(step.cap?.amount ?? step.rounded, step.amount);
        }
      }),
    );
  });

  it('a percentage is rounded half up once, and split by largest remainder, ties to the earlier line', () => {
    holds(
      fc.property(fc.array(anyLine, { minLength: 1, maxLength: 8 }), percents, (lines, discount) => {
        const cart = cartOf(lines);
        const [{ amount, lines: shares } = assert.fail()] = price(cart, [candidate({ discount })]).applied;
        const product = BigInt(cart.total) * BigInt(discount);
        assert.equal(BigInt(amount), (2n * product + 1_000_000n) / 2_000_000n);
        if (cart.total === 0) return;
        const split = lines.map(({ quantity, unitPrice }, number) => {
          const share = BigInt(shares.find((one) => one.line === number)?.amount ?? 0);
          const exact = BigInt(amount) * BigInt(quantity * unitPrice);
          const remainder = exact % BigInt(cart.total);
          const extra = share - exact / BigInt(cart.total);
          assert.ok(
            extra === 0n || (extra === 1n && remainder > 0n),
            `line ${number} gets ${extra} more than its share`,
          );
          return { remainder, extra };
        });
        for (const [number, one] of split.entries())
          for (const [later, other] of split.entries())
            if (number < later) {
              if (one.extra < other.extra) assert.ok(one.remainder < other.remainder, `${number} before ${later}`);
              if (one.extra > other.extra) assert.ok(one.remainder >= other.remainder, `${number} before ${later}`);
            }
      }),
    );
  });

  it('a line gives less than its share of an original base only if nothing is left of it', () => {
    holds(
      fc.property(fc.array(anyLine, { minLength: 2, maxLength: 5 }), percents, percents, (lines, first, second) => {
        const cart = cartOf(lines);
        const { applied } = price(cart, [
          candidate({ id: 'A', discount: first, products: ['p'] }),
          candidate({ id: 'B', discount: second, stacking: { base: 'original' } }),
        ]);
        const last = applied.find(({ offer: { id } }) => id === 'B') ?? assert.fail();
        const taken = (number: number): number =>
          sum(applied.flatMap((one) => one.lines.filter((share) => share.line === number).map(({ amount }) => amount)));
        for (const [number, { quantity, unitPrice }] of lines.entries()) {
          if (cart.total === 0) continue;
          const share = last.lines.find((one) => one.line === number)?.amount ?? 0;
          const fair = (BigInt(last.amount) * BigInt(quantity * unitPrice)) / BigInt(cart.total);
          assert.ok(BigInt(share) >= fair || taken(number) === quantity * unitPrice, `line ${number}`);
        }
      }),
    );
  });

  it('a cart without lines and one with a single line have the same amounts', () => {
    holds(
      fc.property(amounts, orNull(amounts), anyCandidates(5), (total, shipping, candidates) => {
        const forAll = candidates.map((one) => ({
          ...one,
          offer: { ...one.offer, products: [], categories: [], excludeProducts: [] },
        }));
        const asTotal = price({ ...totalOf(total), shipping }, forAll);
        const asLine = price(cartOf([line('p', total)], shipping), forAll);
        assert.deepEqual(
          asTotal.applied.map(({ amount }) => amount),
          asLine.applied.map(({ amount }) => amount),
        );
      }),
    );
  });

  it('the order of the codes counts only between equal priorities', () => {
    const shuffled = fc.tuple(anyCandidates(6), fc.constantFrom('all', 'best')).chain(([candidates, mode]) => {
      const apart = candidates.map((one, place) => {
        const stacking = { ...one.offer.stacking, priority: (place * 5) % 7 };
        return { ...one, offer: { ...one.offer, stacking } };
      });
      const permuted = fc.shuffledSubarray(apart, { minLength: apart.length });
      return fc.record({ given: fc.constant(apart), permuted, mode: fc.constant(mode) });
    });
    holds(
      fc.property(anyCart, shuffled, (cart, { given, permuted, mode }) => {
        assert.deepEqual(price(cart, permuted, mode), price(cart, given, mode));
      }),
    );
  });
});

describe('the best set', () => {
  /** All sets of which every offer applies, by the mode `all`. Candidates in order of priority. */
  function bruteForce(cart: Cart, candidates: readonly Candidate[]): Priced {
    let best: { readonly priced: Priced; readonly places: readonly number[] } | null = null;
    for (let bits = 1; bits < 2 ** candidates.length; bits++) {
      const places = [...candidates.keys()].filter((place) => (bits >> place) & 1);
      const priced = price(
        cart,
        places.map((place) => candidates[place] ?? assert.fail()),
      );
      if (priced.applied.length === places.length && (best === null || isBetter({ priced, places }, best)))
        best = { priced, places };
    }
    return best?.priced ?? price(cart, []);
  }

  type Found = { readonly priced: Priced; readonly places: readonly number[] };
  function isBetter(one: Found, other: Found): boolean {
    const difference =
      one.priced.discountAmount - other.priced.discountAmount || other.places.length - one.places.length;
    if (difference !== 0) return difference > 0;
    const at = one.places.findIndex((place, index) => place !== other.places[index]);
    return (one.places[at] ?? 0) < (other.places[at] ?? 0);
  }

  const byPriority = (candidates: readonly Candidate[]): Candidate[] =>
    candidates.toSorted((a, b) => b.offer.stacking.priority - a.offer.stacking.priority);

  it('is what trying all sets finds, ties included', () => {
    holds(
      fc.property(anyCart, anyCandidates(6), (cart, candidates) => {
        const best = price(cart, candidates, 'best');
        const expected = bruteForce(cart, byPriority(candidates));
        assert.equal(best.discountAmount, expected.discountAmount);
        assert.deepEqual(idsOf(best), idsOf(expected));
        assert.deepEqual(best.applied, expected.applied);
      }),
      500,
    );
  });

  it('is exact for 12 offers that can apply', () => {
    const twelve = fc.array(fc.tuple(percents, anyStacking, fc.boolean(), fc.integer({ min: 0, max: 90 })), {
      minLength: 12,
      maxLength: 12,
    });
    holds(
      fc.property(fc.array(anyLine, { minLength: 1, maxLength: 3 }), twelve, (lines, fields) => {
        const candidates = fields.map(([percent, stacking, isFixed, amount], place) => {
          const id = String.fromCharCode(65 + place);
          const rule = isFixed ? { type: 'fixed' as const, discount: amount } : { discount: percent >> 2 };
          return candidate({ id, code: id, ...rule, stacking });
        });
        const cart = cartOf(lines);
        const best = price(cart, candidates, 'best');
        const expected = bruteForce(cart, byPriority(candidates));
        assert.deepEqual([best.discountAmount, idsOf(best)], [expected.discountAmount, idsOf(expected)]);
      }),
      8,
    );
  });

  it('of more than 12 offers gives at least what each gives alone, and what the mode all gives', () => {
    const many = fc.array(fc.tuple(percents, anyStacking, orNull(amounts)), { minLength: 13, maxLength: 30 });
    holds(
      fc.property(anyCart, many, (cart, fields) => {
        const candidates = fields.map(([percent, stacking, budgetLeft], place) =>
          candidate({ id: `o${place}`, code: `o${place}`, discount: percent >> 3, stacking }, budgetLeft),
        );
        const { discountAmount } = price(cart, candidates, 'best');
        assert.ok(discountAmount >= price(cart, candidates).discountAmount);
        for (const one of candidates) assert.ok(discountAmount >= price(cart, [one]).discountAmount);
      }),
      200,
    );
  });

  it('of more than 12 offers takes from each group the one that gives most', () => {
    const candidates = Array.from({ length: 14 }, (_, place) =>
      candidate({ id: `o${place}`, discount: 10_000 * (1 + (place % 7)), stacking: { group: place < 7 ? 'g' : 'h' } }),
    );
    assert.deepEqual(idsOf(price(totalOf(10_000), candidates, 'best')), ['o6', 'o13']);
    assert.deepEqual(idsOf(price(totalOf(10_000), candidates)), ['o0', 'o7']);
  });
});
