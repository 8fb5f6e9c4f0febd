/** What the kernel asks of the rules of flash sales. Commands have files of their own. */
import { asCampaignId, campaignOfProduct, type ScopeId } from '../../domain/ids.js';
import type { Command } from '../../records/commands.generated.js';
import type { Flash } from './state.js';

const KINDS = [
  'initStock',
  'adjustStock',
  'pauseStock',
  'placeOrder',
  'confirmOrder',
  'fulfilOrder',
  'cancelOrder',
] as const;

export type FlashCommand = Extract<Command, { readonly kind: (typeof KINDS)[number] }>;

const OURS: ReadonlySet<Command['kind']> = new Set(KINDS);

export const isFlashCommand = (command: Command): command is FlashCommand => OURS.has(command.kind);

/**
 * The campaign under which a key of this command is remembered; undefined: nowhere, since what it
 * names isn't there.
 */
export function campaignOf(flash: Flash, command: FlashCommand): ScopeId | undefined {
  switch (command.kind) {
    case 'initStock': {
      const { productId, inCampaign } = command;
      return flash.stock(productId)?.current.campaignId ?? asCampaignId(inCampaign ?? campaignOfProduct(productId));
    }
    case 'adjustStock':
    case 'pauseStock':
    case 'placeOrder':
      return flash.stock(command.productId)?.current.campaignId;
    case 'confirmOrder':
    case 'fulfilOrder':
    case 'cancelOrder': {
      const order = flash.orders.find(command.id);
      return order === -1 ? undefined : flash.roundOf(order).stock.current.campaignId;
    }
  }
}
