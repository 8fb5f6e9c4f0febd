/** Counting a use after the order, without a reservation: the older way. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { Random } from '../../domain/random.js';
import type { UsePromotion } from '../../records/commands.generated.js';
import { command } from '../../records/declare.js';
import { caller, integerOrNull, subjectOrNull, text, textOrNull } from '../../records/fields.js';
import { budgetLeft, notApplicable, objectToCount } from './judge.js';
import { promotionOutcome, usageOf } from './manage.js';
import { periodAt } from './periods.js';
import { promotionNotFound } from './quote.js';
import { isReferral, newReservationId } from './reserve.js';
import type { Promotions } from './state.js';

/** `amount`: the discount that the order got, in minor units; null: not named. */
export const usePromotion = command(
  'usePromotion',
  {
    promotionCode: text(),
    caller: caller(),
    userId: subjectOrNull(),
    amount: integerOrNull(),
    orderId: textOrNull(),
  },
  {
    gives: promotionOutcome,
    refusals: ['promotionNotFound', 'useIncomplete', 'promotionNotApplicable'],
    message: 'object',
  },
);

/**
 * The order was made, so only what is counted is checked: the limits and the budget, not the dates.
 */
export function decideUsePromotion(
  promotions: Promotions,
  { promotionCode, caller, userId, amount, orderId }: UsePromotion,
  nowMs: number,
  random: Random,
): Decided<typeof usePromotion> {
  const found = promotions.byCode(promotionCode);
  if (found === undefined) return promotionNotFound();
  const { current } = found;
  const { settings, plan, campaignId } = current;
  if (settings.maxUsagePerUser !== null && userId === null)
    return refuse('useIncomplete', 'This coupon has a limit per user, so the use needs a userId.');
  if (settings.budget !== null && amount === null)
    return refuse('useIncomplete', 'This coupon has a budget, so the use needs its discountAmount.');
  const objection = objectToCount(found, { userId, segments: [], instead: null }, nowMs);
  if (objection !== null) return notApplicable(objection.refusal, objection);
  const left = budgetLeft(found, null);
  const spent = amount ?? 0;
  if (left !== null && spent > left) return refuse('promotionNotApplicable', 'Coupon budget exhausted');
  const usage = usageOf(found);
  const view = {
    promotion: current,
    usage: { ...usage, usageCount: usage.usageCount + 1, budgetUsed: usage.budgetUsed + spent },
  };
  return {
    kind: 'decision',
    scopeId: campaignId,
    events: [
      {
        kind: 'reservationMade',
        campaignId,
        reservationId: newReservationId(promotions, random),
        caller,
        userId,
        cartId: null,
        orderId,
        cart: {
          currency: settings.currency,
          originalAmount: spent,
          discountAmount: spent,
          finalAmount: 0,
          lines: null,
          holds: [
            {
              promotionId: current.id,
              amount: spent,
              lines: [],
              periodMs: periodAt(plan, nowMs),
              isReferral: isReferral(settings, userId),
            },
          ],
        },
        replaced: null,
        madeMs: nowMs,
        untilMs: null,
      },
    ],
    outcome: { kind: 'promotion', promotion: view },
  };
}
