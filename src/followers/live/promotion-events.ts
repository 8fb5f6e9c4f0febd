/** What live clients are told of promotions, by an event or by the `detail` of its audit row. */
import { asCampaignId, campaignShown } from '../../domain/ids.js';
import { exponentOf } from '../../features/promotions/pricing/currencies.js';
import { fromMinorUnits } from '../../features/promotions/pricing/money.js';
import type { LiveDeclaration } from '../../records/live.generated.js';
import type { Promotion, PromotionAmounts, ReservedCart } from '../../records/promotions.js';

/** The fields of events of promotions. They have the same names in `detail`. */
export interface PromotionFields {
  readonly promotion?: Promotion | undefined;
  readonly reservationId?: string;
  readonly cartId?: string | null;
  readonly orderId?: string | null;
  readonly cart?: ReservedCart;
  readonly replaced?: PromotionAmounts | null;
  readonly amounts?: PromotionAmounts;
  readonly isWhole?: boolean;
  readonly reason?: string | null;
}

interface PromotionFacts {
  readonly campaignId: string;
  readonly userId: string | null;
  readonly untilMs: number | null;
  readonly fields: PromotionFields;
}

interface Told {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const NONE: readonly string[] = [];

/** Of every promotion that the event is about: also of those that a cart holds no more. */
export function promotionIdsOf({ promotion, cart, replaced, amounts }: PromotionFields): readonly string[] {
  if (amounts !== undefined) return amounts.promotions.map(({ promotionId }) => promotionId);
  if (cart !== undefined) {
    const ids = cart.holds.map(({ promotionId }) => promotionId);
    for (const { promotionId } of replaced?.promotions ?? []) if (!ids.includes(promotionId)) ids.push(promotionId);
    return ids;
  }
  return promotion === undefined ? NONE : [promotion.id];
}

/** How an event of this kind is told; null: it is not about promotions. */
export function promotionTeller({ kind, name }: LiveDeclaration): ((facts: PromotionFacts) => Told) | null {
  switch (kind) {
    case 'promotionCreated':
    case 'promotionUpdated':
    case 'promotionArchived':
      return ({ campaignId, fields: { promotion } }) => ({ name, data: promotionData(campaignId, promotion) });
    case 'reservationMade':
      return (facts) => (facts.untilMs === null ? usedAtOnce(facts) : { name, data: reservedData(facts) });
    case 'reservationCommitted':
      return (facts) => ({ name, data: usedData(facts, facts.fields.amounts) });
    case 'reservationReleased':
      return (facts) => ({ name, data: { ...about(facts, facts.fields.amounts), reason: 'released' } });
    case 'reservationExpired':
      return (facts) => ({ name, data: { ...about(facts, facts.fields.amounts), reason: 'expired' } });
    case 'reservationRolledBack':
      return (facts) => {
        const { amounts, isWhole, reason = null } = facts.fields;
        return { name, data: { ...about(facts, amounts), isWhole, reason } };
      };
    default:
      return null;
  }
}

/**
 * What was changed, not all that the promotion is: with its lists of products and users it can be
 * larger than what the server keeps for a slow client.
 */
function promotionData(campaignId: string, promotion: Promotion | undefined): Told['data'] {
  return {
    couponId: promotion?.id,
    campaignId: shown(campaignId, { promotion }),
    code: promotion?.settings.code,
    name: promotion?.settings.name,
    isActive: promotion?.settings.isActive,
    version: promotion?.version,
  };
}

function reservedData(facts: PromotionFacts): Told['data'] {
  const { cart, cartId = null, replaced = null } = facts.fields;
  return {
    ...about(facts, cart && amountsIn(cart)),
    cartId,
    reservedUntil: new Date(facts.untilMs ?? 0).toISOString(),
    replaced: replaced === null ? null : amountsData(replaced),
  };
}

/** A use that was counted without a reservation that was held before. */
function usedAtOnce(facts: PromotionFacts): Told {
  const { cart } = facts.fields;
  return { name: 'promotion.used', data: usedData(facts, cart && amountsIn(cart)) };
}

const usedData = (facts: PromotionFacts, amounts: PromotionAmounts | undefined): Told['data'] => ({
  ...about(facts, amounts),
  orderId: facts.fields.orderId ?? null,
});

const about = ({ campaignId, userId, fields }: PromotionFacts, amounts: PromotionAmounts | undefined) => ({
  campaignId: shown(campaignId, fields),
  reservationId: fields.reservationId,
  userId,
  ...(amounts && amountsData(amounts)),
});

const shown = (campaignId: string, fields: PromotionFields): string | null =>
  campaignShown(asCampaignId(campaignId), promotionIdsOf(fields));

const amountsIn = ({ currency, holds }: ReservedCart): PromotionAmounts => ({ currency, promotions: holds });

function amountsData({ currency, promotions }: PromotionAmounts) {
  const exponent = exponentOf(currency) ?? 2;
  const discounts = promotions.map(({ promotionId, amount }) => ({
    couponId: promotionId,
    amount: fromMinorUnits(amount, exponent),
  }));
  return { currency, discounts };
}
