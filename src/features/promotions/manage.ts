/** Making, changing and archiving promotions, and the claim of their codes. */
import { type Decided, refuse } from '../../domain/decision.js';
import type { DomainEvent } from '../../domain/event.js';
import { asBookId } from '../../domain/ids.js';
import type {
  ArchivePromotion,
  CreatePromotion,
  StopCampaign,
  UpdatePromotion,
} from '../../records/commands.generated.js';
import { command, event, MADE_BY_ROUTE, outcome } from '../../records/declare.js';
import type { PromotionArchived, PromotionCreated, PromotionUpdated } from '../../records/events.generated.js';
import { campaignId, count, integer, jsonOf, object, text } from '../../records/fields.js';
import type { Promotion } from '../../records/promotions.js';
import { promotionNotFound } from './quote.js';
import { isOfBook, PROMOTIONS_MAX, type PromotionState, type Promotions } from './state.js';

const ofPromotion = {
  live: { topics: ['promotion', 'campaign'], seenBy: 'staff' },
  detail: ['promotion'],
  snapshot: 'promotionChanged',
} as const;
const promotionField = { promotion: jsonOf('Promotion') };

export const promotionCreated = event('promotionCreated', 15, promotionField, {
  shownAs: 'promotion.created',
  ...ofPromotion,
});
export const promotionUpdated = event('promotionUpdated', 16, promotionField, {
  shownAs: 'promotion.updated',
  ...ofPromotion,
});
export const promotionArchived = event('promotionArchived', 17, promotionField, {
  shownAs: 'promotion.archived',
  ...ofPromotion,
});

export const promotionOutcome = outcome('promotion', 12, { promotion: jsonOf('PromotionView') }, MADE_BY_ROUTE);
export const promotionEnded = outcome('promotionEnded', 13, {}, MADE_BY_ROUTE);
/** How many promotions were switched off. */
export const campaignStopped = outcome('campaignStopped', 16, { stopped: count() }, MADE_BY_ROUTE);

/** `codes`: the batch that claims the code; null: it has none. */
export const createPromotion = command(
  'createPromotion',
  {
    id: text(),
    campaignId: campaignId(),
    settings: jsonOf('PromotionSettings'),
    plan: jsonOf('PromotionPlan'),
    codes: object('StagedBatch | null'),
  },
  { gives: promotionOutcome, refusals: ['promotionsFull', 'batchUnknown'], message: 'object' },
);

export function decideCreatePromotion(
  promotions: Promotions,
  { id, campaignId, settings, plan, codes }: CreatePromotion,
  nowMs: number,
): Decided<typeof createPromotion> {
  if (promotions.all.length >= PROMOTIONS_MAX) return promotionsFull();
  if (codes !== null && !promotions.codes.canClaim(codes.batchId))
    return refuse('batchUnknown', `Batch ${codes.batchId} is not loaded.`);
  const batchId = codes?.batchId ?? null;
  const promotion: Promotion = {
    id,
    campaignId,
    batchId,
    settings,
    plan,
    version: 1,
    createdMs: nowMs,
    updatedMs: nowMs,
    archivedMs: null,
  };
  const events: DomainEvent[] = [{ kind: 'promotionCreated', promotion }];
  const { code: claimedCode } = settings;
  if (batchId !== null && claimedCode !== null)
    events.unshift({ kind: 'codeClaimed', bookId: asBookId(campaignId), batchId, claimedCode });
  const usage = { usageCount: 0, heldCount: 0, budgetUsed: 0, budgetHeld: 0 };
  return {
    kind: 'decision',
    scopeId: campaignId,
    events,
    outcome: { kind: 'promotion', promotion: { promotion, usage } },
  };
}

/** `settings` and `plan` are whole, and were made from the version that `version` names. */
export const updatePromotion = command(
  'updatePromotion',
  {
    id: text(),
    settings: jsonOf('PromotionSettings'),
    plan: jsonOf('PromotionPlan'),
    version: integer(),
  },
  { gives: promotionOutcome, refusals: ['promotionNotFound', 'promotionVersionMismatch'], message: 'object' },
);

export function decideUpdatePromotion(
  promotions: Promotions,
  { id, settings, plan, version }: UpdatePromotion,
  nowMs: number,
): Decided<typeof updatePromotion> {
  const found = promotions.promotion(id);
  if (found === undefined || found.current.archivedMs !== null) return promotionNotFound();
  if (found.current.version !== version) return versionMismatch();
  const promotion: Promotion = { ...found.current, settings, plan, version: version + 1, updatedMs: nowMs };
  return {
    kind: 'decision',
    scopeId: promotion.campaignId,
    events: [{ kind: 'promotionUpdated', promotion }],
    outcome: { kind: 'promotion', promotion: { promotion, usage: usageOf(found) } },
  };
}

/**
 * Callers don't find it any more. Its open reservations and its uses can still be committed and
 * rolled back, and its code stays taken until no reservation is open.
 */
export const archivePromotion = command(
  'archivePromotion',
  { id: text(), ifVersion: object('IfVersion') },
  { gives: promotionEnded, refusals: ['promotionNotFound', 'promotionVersionMismatch'], message: 'object' },
);

export function decideArchivePromotion(
  promotions: Promotions,
  { id, ifVersion }: ArchivePromotion,
  nowMs: number,
): Decided<typeof archivePromotion> {
  const found = promotions.promotion(id);
  if (found === undefined || found.current.archivedMs !== null || isOfBook(found.current)) return promotionNotFound();
  const { current } = found;
  if (ifVersion !== null && !ifVersion.includes(current.version)) return versionMismatch();
  const promotion: Promotion = { ...current, version: current.version + 1, updatedMs: nowMs, archivedMs: nowMs };
  const events: DomainEvent[] = [{ kind: 'promotionArchived', promotion }];
  if (found.held === 0) events.push(...freeingOf(found));
  return { kind: 'decision', scopeId: current.campaignId, events, outcome: { kind: 'promotionEnded' } };
}

/** Switches all promotions of a campaign off, at once; the discounts of its books, too. */
export const stopCampaign = command(
  'stopCampaign',
  { campaign: campaignId() },
  { gives: campaignStopped, refusals: ['campaignNotFound'], message: 'object' },
);

export function decideStopCampaign(
  promotions: Promotions,
  { campaign: campaignId }: StopCampaign,
  nowMs: number,
): Decided<typeof stopCampaign> {
  const campaign = promotions.campaign(campaignId);
  if (campaign === undefined || campaign.isOfBook) return campaignNotFound();
  const active = [...campaign.promotions].filter(({ current }) => current.settings.isActive);
  const events = active.map(({ current }): DomainEvent => {
    const settings = { ...current.settings, isActive: false };
    return {
      kind: 'promotionUpdated',
      promotion: { ...current, settings, version: current.version + 1, updatedMs: nowMs },
    };
  });
  return {
    kind: 'decision',
    scopeId: campaignId,
    events,
    outcome: { kind: 'campaignStopped', stopped: events.length },
  };
}

export const promotionsFull = () =>
  refuse('promotionsFull', `This part of the engine has ${PROMOTIONS_MAX} promotions already.`);

export const campaignNotFound = () => refuse('campaignNotFound', 'There is no such campaign.');

/** The event that frees the code of a promotion, if it has one. */
export function freeingOf({ current: { batchId, campaignId } }: PromotionState): DomainEvent[] {
  return batchId === null ? [] : [{ kind: 'codeFreed', bookId: asBookId(campaignId), batchId }];
}

const versionMismatch = () => refuse('promotionVersionMismatch', 'The coupon has been changed since that version.');

export const usageOf = ({ uses, redeemed, held, spent, heldAmount }: PromotionState) => ({
  usageCount: uses + redeemed.count(),
  heldCount: held,
  budgetUsed: spent,
  budgetHeld: heldAmount,
});

export function applyPromotionCreated(promotions: Promotions, { promotion }: PromotionCreated): void {
  promotions.add(promotion);
}

export function applyPromotionUpdated(
  promotions: Promotions,
  { promotion }: PromotionUpdated | PromotionArchived,
): void {
  promotions.change(promotion);
}

export const applyPromotionArchived = applyPromotionUpdated;
