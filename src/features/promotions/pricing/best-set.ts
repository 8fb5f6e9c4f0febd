/**
 * The offers that together give the largest discount. Among equals, the set with the fewest offers
 * wins, then the one whose first differing offer comes earlier.
 *
 * Up to 12 offers: all sets that groups and exclusive offers allow are tried, as one walk in which
 * each offer is taken and then left out, so that sets with the same beginning share its work. A
 * branch that can't win any more is left (`reach.ts`).
 *
 * Above 12: the best of each offer alone, of the set that `all` would apply, and of the set that
 * has from each group the offer which gives most alone. Adding an offer hardly ever lowers the sum,
 * because what it takes from a later offer's base is less than what it gives itself. So the exact
 * answer can differ only by rounding, by a budget that is nearly used up, or by the choice in
 * groups.
 */
import type { Basket } from './basket.js';
import { type Cut, cutOf, giveBack, take } from './cut.js';
import type { Plan } from './plan.js';
import { reachOf } from './reach.js';
import { conflictWith } from './stacking.js';
import type { Offer } from './types.js';

/** How many applicable offers are tried in all combinations. */
const EXACT_MAX = 12;

interface Choice {
  readonly amount: number;
  /** Places in the list of plans, ascending. */
  readonly places: readonly number[];
}

export interface Best {
  /** Empty only if no offer can apply. */
  readonly chosen: ReadonlySet<Plan>;
  /** Offers whose amount exceeds their budget when they are alone. */
  readonly overBudget: ReadonlySet<Plan>;
}

/** `plans` in the order in which they are taken. The basket is as it was, afterwards. */
export function bestSet(basket: Basket, plans: readonly Plan[]): Best {
  const alone = plans.map((plan) => cutOf(basket, plan).amount);
  const overBudget = new Set(plans.filter((plan, place) => isOverBudget(plan, alone[place] ?? 0)));
  let best: Choice | null = null;
  const consider = (choice: Choice): void => {
    if (choice.places.length > 0 && (best === null || isBetter(choice, best))) best = choice;
  };
  for (const [place, plan] of plans.entries())
    if (!overBudget.has(plan)) consider({ amount: alone[place] ?? 0, places: [place] });

  if (plans.length <= EXACT_MAX) {
    walk(basket, plans, alone, consider, () => best);
  } else {
    consider(inOrder(basket, plans, [...plans.keys()]));
    consider(inOrder(basket, plans, largestOfGroups(plans, alone)));
  }
  const places = (best as Choice | null)?.places ?? [];
  return { chosen: new Set(plans.filter((_, place) => places.includes(place))), overBudget };
}

export function isOverBudget({ candidate }: Plan, amount: number): boolean {
  return candidate.budgetLeft !== null && amount > candidate.budgetLeft;
}

function isBetter(one: Choice, other: Choice): boolean {
  if (one.amount !== other.amount) return one.amount > other.amount;
  if (one.places.length !== other.places.length) return one.places.length < other.places.length;
  const at = one.places.findIndex((place, index) => place !== other.places[index]);
  return at !== -1 && (one.places[at] ?? 0) < (other.places[at] ?? 0);
}

/** All sets of offers that are not exclusive, those that begin with earlier offers first. */
function walk(
  basket: Basket,
  plans: readonly Plan[],
  alone: readonly number[],
  consider: (choice: Choice) => void,
  bestSoFar: () => Choice | null,
): void {
  const reach = reachOf(plans, alone);
  const places: number[] = [];
  const groups = new Set<string>();

  /** Of sets with equal amount and count, the one that was visited first is better. */
  const canWin = (place: number, amount: number): boolean => {
    const best = bestSoFar();
    if (best === null) return true;
    const goodsLeft = basket.goods - (amount - (basket.shipping - basket.shippingLeft));
    const most = amount + reach.mostOfGoods(place, goodsLeft) + reach.mostOfShipping(place, basket.shippingLeft);
    if (most !== best.amount) return most > best.amount;
    const lacking = best.amount - amount;
    const fewest = places.length + (lacking === 0 ? 0 : Math.ceil(lacking / reach.largest(place)));
    return fewest < best.places.length;
  };
  const visit = (place: number, amount: number): void => {
    if (!canWin(place, amount)) return;
    const plan = plans[place];
    if (plan === undefined) {
      consider({ amount, places: [...places] });
      return;
    }
    const { group, exclusive } = plan.offer.stacking;
    if (!exclusive && (group === null || !groups.has(group))) {
      const cut = cutOf(basket, plan);
      if (!isOverBudget(plan, cut.amount)) {
        take(basket, plan, cut);
        places.push(place);
        if (group !== null) groups.add(group);
        visit(place + 1, amount + cut.amount);
        if (group !== null) groups.delete(group);
        places.pop();
        giveBack(basket, plan, cut);
      }
    }
    visit(place + 1, amount);
  };
  visit(0, 0);
}

/** What `all` would apply of the offers at these places. */
function inOrder(basket: Basket, plans: readonly Plan[], places: readonly number[]): Choice {
  const taken: { readonly place: number; readonly plan: Plan; readonly offer: Offer; readonly cut: Cut }[] = [];
  for (const place of places) {
    const plan = plans[place];
    if (plan === undefined || conflictWith(taken, plan.offer) !== null) continue;
    const cut = cutOf(basket, plan);
    if (isOverBudget(plan, cut.amount)) continue;
    take(basket, plan, cut);
    taken.push({ place, plan, offer: plan.offer, cut });
  }
  for (const { plan, cut } of taken) giveBack(basket, plan, cut);
  return {
    amount: taken.reduce((sum, { cut }) => sum + cut.amount, 0),
    places: taken.map(({ place }) => place),
  };
}

/** The places without exclusive offers, and of each group only that which gives most alone. */
function largestOfGroups(plans: readonly Plan[], alone: readonly number[]): readonly number[] {
  const open = [...plans.keys()].filter((place) => plans[place]?.offer.stacking.exclusive === false);
  const largest = new Map<string, number>();
  for (const place of open) {
    const group = plans[place]?.offer.stacking.group ?? null;
    if (group === null) continue;
    const other = largest.get(group);
    if (other === undefined || (alone[place] ?? 0) > (alone[other] ?? 0)) largest.set(group, place);
  }
  return open.filter((place) => {
    const group = plans[place]?.offer.stacking.group ?? null;
    return group === null || largest.get(group) === place;
  });
}
