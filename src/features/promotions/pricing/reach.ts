/**
 * Upper bounds of what offers can still give, for the search of the best set. They only save time:
 * a branch is left when its bound shows that it can't win.
 *
 * Beside others an offer never gives more than alone, so the sum of what the offers give alone is a
 * bound. It is weak for percentages of what is left: three of 50 % give 87.5 %, not 150 %. For
 * these, k offers of p1 … pk leave at least (1 - p1) … (1 - pk) of the goods, less half a minor
 * unit of rounding each, whatever they match and whatever lies between them.
 */
import { WHOLE } from './cut.js';
import type { Plan } from './plan.js';

export interface Reach {
  /** What the offers from `place` on can add at most to what was taken of the goods so far. */
  mostOfGoods(place: number, goodsLeft: number): number;
  mostOfShipping(place: number, shippingLeft: number): number;
  /** What one of the offers from `place` on can add at most. */
  largest(place: number): number;
}

interface Rest {
  readonly goods: number;
  readonly shipping: number;
  readonly largest: number;
  /** Of `goods`, without percentages of what is left. */
  readonly others: number;
  /** The share of the goods that these percentages leave, 0 to 1. */
  readonly kept: number;
  readonly percentages: number;
}

const NOTHING: Rest = { goods: 0, shipping: 0, largest: 0, others: 0, kept: 1, percentages: 0 };

/** `alone`: what each plan gives alone. Exclusive offers count as nothing. */
export function reachOf(plans: readonly Plan[], alone: readonly number[]): Reach {
  const rests = new Array<Rest>(plans.length + 1).fill(NOTHING);
  for (let place = plans.length - 1; place >= 0; place--)
    rests[place] = withPlan(rests[place + 1] ?? NOTHING, plans[place], alone[place] ?? 0);
  const restAt = (place: number): Rest => rests[place] ?? NOTHING;
  return {
    mostOfGoods(place, goodsLeft) {
      const { goods, others, kept, percentages } = restAt(place);
      if (percentages === 0) return Math.min(goodsLeft, goods);
      // The slack covers the rounding of the product, too.
      return Math.min(
        goodsLeft,
        goods,
        Math.floor(others + goodsLeft * (1 - kept) + percentages / 2 + 1 + goodsLeft * 1e-14),
      );
    },
    mostOfShipping: (place, shippingLeft) => Math.min(shippingLeft, restAt(place).shipping),
    largest: (place) => restAt(place).largest,
  };
}

function withPlan(rest: Rest, plan: Plan | undefined, amount: number): Rest {
  if (plan === undefined || plan.offer.stacking.exclusive) return rest;
  const { type, stacking, discount } = plan.offer;
  const largest = Math.max(rest.largest, amount);
  if (type === 'shipping') return { ...rest, largest, shipping: rest.shipping + amount };
  const goods = rest.goods + amount;
  if (type === 'fixed' || stacking.base === 'original')
    return { ...rest, largest, goods, others: rest.others + amount };
  const kept = rest.kept * (1 - Math.min(1, discount / WHOLE));
  return { ...rest, largest, goods, kept, percentages: rest.percentages + 1 };
}
