/** What the kernel asks of the rules of promotions. Each kind of commands has a file of its own. */
import { asBookId, type CampaignId, DEFAULT_CAMPAIGN, type ScopeId } from '../../domain/ids.js';
import type { Command } from '../../records/commands.generated.js';
import type { PriceRequest } from '../../records/objects.js';
import { namedBy } from './quote.js';
import type { PromotionState, Promotions } from './state.js';
import { uniqueCodeOf } from './unique-code.js';

export type PromotionCommand = Extract<
  Command,
  {
    kind:
      | 'createPromotion'
      | 'updatePromotion'
      | 'archivePromotion'
      | 'stopCampaign'
      | 'reserve'
      | 'usePromotion'
      | 'commitReservation'
      | 'releaseReservation'
      | 'renewReservation'
      | 'rollbackReservation';
  }
>;

/**
 * The campaign under which a key of this command is remembered; undefined: nowhere, since what it
 * names isn't there.
 */
export function campaignOf(promotions: Promotions, command: PromotionCommand): ScopeId | undefined {
  switch (command.kind) {
    case 'createPromotion':
      return command.campaignId;
    case 'stopCampaign':
      return command.campaign;
    case 'updatePromotion':
    case 'archivePromotion':
      return promotions.promotion(command.id)?.current.campaignId;
    case 'reserve':
      return campaignOfCart(promotions, command.request);
    case 'usePromotion':
      return promotions.campaignOfCode(command.promotionCode);
    case 'commitReservation':
    case 'releaseReservation':
    case 'renewReservation':
    case 'rollbackReservation':
      return promotions.reservation(command.id)?.campaignId;
  }
}

/**
 * That of the change, if there is one: a key that is looked for elsewhere would be used twice.
 * Codes that are gone tell only where no other one is: a repeated request finds its answer by them.
 */
function campaignOfCart(
  promotions: Promotions,
  { campaignId, codes, promotionIds }: PriceRequest,
): CampaignId | undefined {
  if (campaignId !== null) return campaignId;
  const named = [
    ...codes.map((code) => (promotions.byCode(code) ?? uniqueCodeOf(promotions, code)?.promotion)?.current.campaignId),
    ...promotionIds.map((id) => promotions.promotion(id)?.current.campaignId),
    ...codes.map((code) => promotions.campaignOfCode(code) ?? discountGoneOf(promotions, code)?.current.campaignId),
  ];
  return named.find((found) => found !== undefined) ?? (codes.length === 0 ? DEFAULT_CAMPAIGN : undefined);
}

/**
 * Whether a refusal could tell a user that a code of another is there: nothing that the cart names
 * is for this user, and one of its codes is in a book. Where its key was looked for depends on it.
 */
export function isOthersCart(promotions: Promotions, command: PromotionCommand, nowMs: number): boolean {
  if (command.kind !== 'reserve' || command.request.campaignId !== null) return false;
  const { named, secrets } = namedBy(promotions, command.request, nowMs);
  return named.length === 0 && secrets.length > 0;
}

/** That of the book of a unique code, also when it was taken away. */
function discountGoneOf(promotions: Promotions, code: string): PromotionState | undefined {
  const found = promotions.codes.find(code);
  return found === null ? undefined : promotions.discountOf(asBookId(found.bookId));
}
