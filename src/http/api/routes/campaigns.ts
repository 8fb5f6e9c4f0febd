/** Campaigns: what belongs together (docs/contract.md, section 6). */
import { asCampaignId, campaignShown } from '../../../domain/ids.js';
import type { CampaignView } from '../../../domain/promotion-views.js';
import { askAllShards } from '../all-shards.js';
import * as schemas from '../promotions/schemas.js';
import { campaignHead, promotionJson } from '../promotions/views.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import { expectOutcome } from '../views.js';
import { CART_BYTES_MAX, requestOf, reserveCart, withKnownFirst } from './checkout.js';

const TAG = 'Campaigns';

const listCampaigns = route({
  id: 'listCampaigns',
  method: 'GET',
  path: '/api/v1/campaigns',
  tag: TAG,
  summary: 'Campaigns with their counts',
  access: ADMIN_OR_SERVICE,
  answers: { 200: { description: 'All campaigns, by id', schema: schemas.campaignsOut } },
  problems: [],
  handle(exchange) {
    exchange.work.run(async () => {
      const replies = await askAllShards(exchange, { kind: 'listCampaigns' }, 'campaigns');
      if ('kind' in replies) return exchange.answer.refuse(replies);
      const results = replies
        .flatMap(({ items }) => items)
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .map(({ id, ...counts }) => ({ id, isDefault: campaignShown(id) === null, ...counts }));
      exchange.answer.json(200, JSON.stringify({ results }));
    });
  },
});

const getCampaign = route({
  id: 'getCampaign',
  method: 'GET',
  path: '/api/v1/campaigns/{id}',
  tag: TAG,
  summary: 'What belongs to a campaign',
  access: ADMIN_OR_SERVICE,
  params: { id: schemas.campaignId },
  answers: { 200: { description: 'The campaign', schema: schemas.campaignOut } },
  problems: ['campaign-not-found'],
  handle({ request, work }) {
    work.query({ kind: 'getCampaign', campaign: asCampaignId(request.param(0)) }, (answer, result) => {
      if (result.kind !== 'campaign') throw new Error(`a ${result.kind} for a campaign`);
      answer.json(200, JSON.stringify(campaignJson(result.campaign)));
    });
  },
});

function campaignJson({ items, bookIds, ...summary }: CampaignView): object {
  return { ...campaignHead(summary), promotions: items.map((view) => promotionJson(view)), books: bookIds };
}

const reserveCampaign = route({
  id: 'reserveCampaign',
  method: 'POST',
  path: '/api/v1/campaigns/{id}/reserve',
  tag: TAG,
  summary: 'Reserve all that is named, or nothing',
  description:
    'One change: each promotion and each unique code that is named holds a use and its money, or none does. Automatic promotions of the campaign that apply are held beside them.',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  dryRun: true,
  params: { id: schemas.campaignId },
  body: schemas.reserveCampaignInput,
  bodyBytesMax: CART_BYTES_MAX,
  answers: { 200: { description: 'The discounts and their reservation', schema: schemas.applyOut } },
  problems: ['campaign-incomplete', 'coupon-not-found', 'not-in-one-campaign'],
  handle(exchange, { codes = [], promotions = [], reserveSeconds, ...cart }) {
    const campaignId = asCampaignId(exchange.request.param(0));
    const asked = { codes, promotionIds: promotions, campaignId, mode: 'all', isWhole: true } as const;
    const made = requestOf(exchange, cart, asked);
    if (made === undefined) return;
    withKnownFirst(exchange, made, (known) => reserveCart(exchange, known, cart.cartId ?? null, reserveSeconds));
  },
});

const stopCampaign = route({
  id: 'stopCampaign',
  method: 'POST',
  path: '/api/v1/campaigns/{id}/stop',
  tag: TAG,
  summary: 'Switch all promotions of a campaign off at once',
  description:
    'The discounts of its books, too. Open reservations can still be committed. Each promotion can be switched on again.',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: { id: schemas.campaignId },
  body: schemas.emptyInput,
  bodyOptional: true,
  answers: { 200: { description: 'How many were switched off', schema: schemas.stoppedOut } },
  problems: ['campaign-not-found'],
  handle({ request, work }) {
    work.command({ kind: 'stopCampaign', campaign: asCampaignId(request.param(0)) }, (answer, done) => {
      const { stopped } = expectOutcome(done, 'campaignStopped');
      answer.changed(200, JSON.stringify({ stopped }), done);
    });
  },
});

export const campaignRoutes: readonly RouteSpec<unknown, unknown>[] = [
  listCampaigns,
  getCampaign,
  reserveCampaign,
  stopCampaign,
];
