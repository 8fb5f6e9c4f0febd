/**
 * Conditions are judged on the HTTP thread, against the version of the promotion that the request
 * then names. A shard that meets a condition without a verdict, or with one of another version,
 * says so, and the conditions are judged again.
 */
import type { QueryReply } from '../../../engine/engine.js';
import { exponentOf } from '../../../features/promotions/pricing/currencies.js';
import { fromMinorUnits } from '../../../features/promotions/pricing/money.js';
import { compileCondition } from '../../../promotions/condition.js';
import type { PriceRequest, Verdict } from '../../../records/objects.js';
import type { Cart } from '../../../records/promotions.js';
import type { Exchange } from '../../exchange/exchange.js';

/** A condition that changes while it is judged is changed again and again by somebody. */
const TRIES_MAX = 3;

interface Refused {
  readonly kind: 'refused';
  readonly reason: string;
}

export interface JudgedUser {
  readonly id: string | null;
  readonly segments: readonly string[] | null;
  readonly attributes: Readonly<Record<string, unknown>> | null;
}

interface Needed {
  readonly promotionId: string;
  readonly version: number;
  readonly condition: string;
}

/** Sends the request, and judges conditions first where the shard asks for it. */
export async function judged<Reply extends { readonly kind: string } | Refused>(
  exchange: Exchange,
  request: PriceRequest,
  user: JudgedUser,
  send: (request: PriceRequest) => Promise<Reply>,
): Promise<Reply | QueryReply> {
  let reply: Reply | QueryReply = await send(request);
  for (let tries = 1; tries < TRIES_MAX && isUnjudged(reply); tries++) {
    const asked: QueryReply = await exchange.work.askQuery({ kind: 'neededConditions', request }, null);
    if (asked.kind !== 'result') return asked;
    if (asked.result.kind !== 'conditions') throw new Error(`a ${asked.result.kind} for conditions`);
    reply = await send({ ...request, verdicts: verdictsOn(asked.result.needed, request.cart, user) });
  }
  return reply;
}

const isUnjudged = (reply: { readonly kind: string }): boolean =>
  reply.kind === 'refused' && (reply as Refused).reason === 'conditionsUnjudged';

/** A condition sees amounts as callers send them. */
export function verdictsOn(needed: readonly Needed[], cart: Cart, user: JudgedUser): Verdict[] {
  const exponent = exponentOf(cart.currency) ?? 2;
  const shown = {
    total: fromMinorUnits(cart.total, exponent),
    lines: cart.lines?.map((line) => ({ ...line, unitPrice: fromMinorUnits(line.unitPrice, exponent) })) ?? null,
    shipping: cart.shipping === null ? null : fromMinorUnits(cart.shipping, exponent),
    currency: cart.currency,
  };
  return needed.map(({ promotionId, version, condition }) => {
    const compiled = compileCondition(condition);
    // It was compiled when it was taken; another version may bound its cost in another way.
    if ('error' in compiled) return { promotionId, version, reason: compiled.error };
    const judgement = compiled.judge(shown, user);
    return { promotionId, version, reason: judgement.isMet ? null : judgement.reason };
  });
}
