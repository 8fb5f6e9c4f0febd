/** Why not all of what a request for all or none names can be held, and until when that lasts. */
import { refuse } from '../../domain/decision.js';
import type { Missing, Refusal } from '../../domain/outcome.js';
import type { PriceRequest } from '../../records/objects.js';
import { firstEndMs, type Objection, type Use } from './judge.js';
import { priceCart } from './pricing/price-cart.js';
import type { Candidate, Priced } from './pricing/types.js';
import type { Promotions } from './state.js';
import { isOf, type Named, nameOf } from './unique-code.js';

interface Whole {
  readonly request: PriceRequest;
  readonly use: Use;
  readonly asked: readonly Named[];
  readonly candidates: readonly Candidate[];
  readonly priced: Priced;
  readonly objections: ReadonlyMap<string, Objection>;
}

type Wait = Pick<Objection, 'retryAtMs' | 'heldUntilMs'>;
type Incomplete = Refusal<'campaignIncomplete'>;

const NEVER: Wait = { retryAtMs: null, heldUntilMs: null };

export const incomplete = (missing: readonly Missing[]): Incomplete => ({
  ...refuse('campaignIncomplete', missing.map(({ name, reason }) => `${name}: ${reason}`).join('; ')),
  missing,
});

/** Names each promotion that was asked for and does not apply; null: all apply. */
export function refusalOfWhole(promotions: Promotions, whole: Whole): Incomplete | null {
  const { asked, priced, objections } = whole;
  const missing: Missing[] = [];
  const waits: Wait[] = [];
  let unheld: Priced | null = null;
  for (const one of asked) {
    const reason = priced.skipped.find(({ offer }) => isOf(offer, one))?.reason;
    if (reason === undefined) continue;
    missing.push({ name: one.code?.text ?? one.promotion.current.settings.code ?? one.promotion.current.id, reason });
    const objection = objections.get(nameOf(one));
    if (objection === undefined) unheld ??= pricedWithoutHolds(promotions, whole);
    waits.push(objection ?? waitForMoney(one, whole, unheld));
  }
  if (missing.length === 0) return null;
  const { retryAtMs, heldUntilMs } = latestOf(waits);
  return {
    ...incomplete(missing),
    ...(retryAtMs !== null && { retryAtMs }),
    ...(heldUntilMs !== null && { heldUntilMs }),
  };
}

/**
 * The latest of the times at which each part may be free: before it, something is still missing. If
 * waiting does not bring one of them, it brings none.
 */
function latestOf(waits: readonly Wait[]): Wait {
  if (waits.some(({ retryAtMs }) => retryAtMs === null)) return NEVER;
  const held = waits.flatMap(({ heldUntilMs }) => heldUntilMs ?? []);
  return {
    retryAtMs: Math.max(...waits.map(({ retryAtMs }) => retryAtMs ?? 0)),
    heldUntilMs: held.length === 0 ? null : Math.max(...held),
  };
}

/** Of a promotion that no rule stands against: its money may be held by other carts. */
function waitForMoney(one: Named, { use }: Whole, unheld: Priced | null): Wait {
  const isHeld = unheld?.applied.some(({ offer }) => isOf(offer, one)) === true;
  const freeMs = isHeld ? firstEndMs(one.promotion, use.instead) : null;
  return { retryAtMs: freeMs, heldUntilMs: freeMs };
}

/** The same cart, if no other cart held money. */
function pricedWithoutHolds(promotions: Promotions, { request, candidates }: Whole): Priced {
  const free = candidates.map((candidate) => {
    const { current, spent } = promotions.promotionOf(candidate.offer.id);
    const { budget } = current.settings;
    return budget === null ? candidate : { ...candidate, budgetLeft: Math.max(0, budget - spent) };
  });
  return priceCart(request.cart, free, request.mode);
}
