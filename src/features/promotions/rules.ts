/** What the kernel asks of the rules of promotions. Each kind of commands has a file of its own. */
import { DEFAULT_CAMPAIGN, type ScopeId } from '../../domain/ids.js';
import type { Command } from '../../records/commands.generated.js';
import type { Promotions } from './state.js';

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
    case 'reserve': {
      const { codes, campaignId } = command.request;
      const known = codes.map((code) => promotions.campaignOfCode(code)).find((found) => found !== undefined);
      return known ?? campaignId ?? (codes.length === 0 ? DEFAULT_CAMPAIGN : undefined);
    }
    case 'usePromotion':
      return promotions.campaignOfCode(command.promotionCode);
    case 'commitReservation':
    case 'releaseReservation':
    case 'renewReservation':
    case 'rollbackReservation':
      return promotions.reservation(command.id)?.campaignId;
  }
}
