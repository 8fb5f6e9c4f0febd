/**
 * A cart to be priced, as it travels between threads: one flat array of numbers and texts. The
 * clone of the objects would copy the names of their fields. wire.ts says more.
 *
 *     campaign, user, is whole, mode, then these, each list after its length:
 *     codes, ids of promotions, segments
 *     currency, total, shipping, ids of products
 *     lines (length -1: none): product, quantity, price of one, categories
 *     verdicts: promotion, version, reason
 */
import type { CampaignId } from '../records/ids.js';
import type { PriceRequest, Verdict } from '../records/objects.js';
import type { CartLine } from '../records/promotions.js';

type Flat = number | string | null;
export type PackedPriceRequest = readonly Flat[];

const NO_LINES = -1;

/** Where a packed request has its first list. */
const HEAD = 4;

export function packPriceRequest(request: PriceRequest): PackedPriceRequest {
  const { campaignId, userId, isWhole, mode, codes, promotionIds, segments, cart, verdicts } = request;
  const flat: Flat[] = [campaignId, userId, isWhole ? 1 : 0, mode === 'best' ? 1 : 0];
  packTexts(flat, codes);
  packTexts(flat, promotionIds);
  packTexts(flat, segments);
  flat.push(cart.currency, cart.total, cart.shipping);
  packTexts(flat, cart.productIds);
  if (cart.lines === null) flat.push(NO_LINES);
  else {
    flat.push(cart.lines.length);
    for (const { productId, quantity, unitPrice, categoryIds } of cart.lines) {
      flat.push(productId, quantity, unitPrice);
      packTexts(flat, categoryIds);
    }
  }
  flat.push(verdicts.length);
  for (const { promotionId, version, reason } of verdicts) flat.push(promotionId, version, reason);
  return flat;
}

function packTexts(flat: Flat[], texts: readonly string[]): void {
  flat.push(texts.length);
  for (const text of texts) flat.push(text);
}

export function unpackPriceRequest(flat: PackedPriceRequest): PriceRequest {
  let at = HEAD;
  const count = (): number => flat[at++] as number;
  const texts = (): string[] => {
    const end = at + 1 + (flat[at] as number);
    const list = flat.slice(at + 1, end) as string[];
    at = end;
    return list;
  };
  const codes = texts();
  const promotionIds = texts();
  const segments = texts();
  const currency = flat[at++] as string;
  const total = count();
  const shipping = flat[at++] as number | null;
  const productIds = texts();
  const lineCount = count();
  const lines: CartLine[] | null = lineCount === NO_LINES ? null : [];
  for (let line = 0; line < lineCount; line++) {
    const productId = flat[at++] as string;
    const quantity = count();
    const unitPrice = count();
    lines?.push({ productId, quantity, unitPrice, categoryIds: texts() });
  }
  const verdicts: Verdict[] = [];
  for (let left = count(); left > 0; left--)
    verdicts.push({ promotionId: flat[at++] as string, version: count(), reason: flat[at++] as string | null });
  return {
    campaignId: flat[0] as CampaignId | null,
    codes,
    promotionIds,
    isWhole: flat[2] === 1,
    cart: { lines, total, productIds, shipping, currency },
    userId: flat[1] as string | null,
    segments,
    mode: flat[3] === 1 ? 'best' : 'all',
    verdicts,
  };
}
