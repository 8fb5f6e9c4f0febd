/**
 * Simulated shops: they make, change and archive promotions, and fight with their carts over caps,
 * caps per user and per period, and budgets that are small enough to be reached. Some carts are
 * paid, some are given back, and some never come back.
 */
import type { Command, Origin, Query } from '../../src/domain/command.js';
import { asBookId, asCampaignId, type BookId, type CampaignId, type ShardId } from '../../src/domain/ids.js';
import type { DiscountDraft, PriceRequest, RolledBackLine } from '../../src/records/objects.js';
import type { Cart, GivenTime, Promotion, PromotionPlan, PromotionSettings } from '../../src/records/promotions.js';
import { ANY_PROMOTION, NO_PLAN, settingsOf } from '../features/promotions/promotion-shard.js';
import type { NewPromotion } from './control.js';
import type { Judge } from './judge.js';
import type { Line } from './line.js';
import { discountOf, type FoldedPromotions, type FoldedReservation, standing as standingIn } from './promotion-fold.js';
import type { SeededRandom } from './seeded-random.js';

export interface PromotionCallers {
  /** One request about promotions. */
  act(line: Line): void;
  newPromotionId(): string;
  /** Of a new book. */
  someCampaign(shard: ShardId): CampaignId;
  /** What a book takes of carts. */
  someDiscount(): DiscountDraft;
}

interface PromotionCallersOptions {
  readonly random: SeededRandom;
  readonly shards: readonly ShardId[];
  readonly judge: Judge;
  readonly nowMs: () => number;
  readonly noteBook: (bookId: BookId, shard: ShardId) => void;
  readonly newOrigin: () => Origin;
  readonly ask: (line: Line, shard: ShardId, command: Command, origin: Origin) => void;
  readonly create: (line: Line, shard: ShardId, promotion: NewPromotion, origin: Origin) => void;
  /** A code that was brought into a book. */
  readonly bookCode: () => string;
}

/** All that a shard tells of its promotions. */
export const ALL_PROMOTIONS: Query = { kind: 'listPromotions', filter: ANY_PROMOTION };

const CAMPAIGNS_PER_SHARD = 2;
/** Of a shard, that are not archived. */
const PROMOTIONS_MAX = 8;
/** Codes that promotions of all shards want. */
const CODES = 7;
const USERS = 3;
/** Reservations that callers come back for are among so many of the last. */
const RECENT = 12;
const PERIOD_MS = 400;
const PERIODS = 8;

const CARTS: readonly Cart[] = [
  { lines: null, total: 34, productIds: [], shipping: null, currency: 'USD' },
  {
    lines: [
      { productId: 'mug', categoryIds: [], quantity: 3, unitPrice: 7 },
      { productId: 'cup', categoryIds: [], quantity: 2, unitPrice: 5 },
      { productId: 'mug', categoryIds: [], quantity: 1, unitPrice: 3 },
    ],
    total: 34,
    productIds: ['mug', 'cup', 'mug'],
    shipping: null,
    currency: 'USD',
  },
];

export function createPromotionCallers(options: PromotionCallersOptions): PromotionCallers {
  const { random, shards, judge, nowMs, noteBook, newOrigin, ask, create, bookCode } = options;
  let names = 0;
  const newPromotionId = (): string => `p${++names}`;
  const maybe = (probability: number, max: number): number | null =>
    random.chance(probability) ? 1 + random.below(max) : null;
  const someUser = (): string | null => (random.chance(0.2) ? null : `u${random.below(USERS)}`);
  const someCart = (): string | null => (random.chance(0.5) ? null : `cart${random.below(3)}`);
  const someCaller = (): string => `c${random.below(2)}`;

  function act(line: Line): void {
    const shard = random.pick(shards);
    const folded = judge.foldOf(shard).promotions;
    const standing = standingIn(folded);
    const roll = random.below(100);
    if (standing.length === 0 || (roll < 10 && standing.length < PROMOTIONS_MAX)) {
      createOne(line, shard);
      return;
    }
    if (roll < 20) {
      line.read(shard, someQuery(folded, shard), null);
      return;
    }
    ask(line, shard, someCommand(folded, random.pick(standing), shard, roll), newOrigin());
  }

  function createOne(line: Line, shard: ShardId): void {
    const campaignId = someCampaign(shard);
    const isAutomatic = random.chance(0.15);
    const code = isAutomatic ? null : random.chance(0.1) ? bookCode() : someCode();
    create(line, shard, { id: newPromotionId(), campaignId, ...someSettings(code) }, newOrigin());
  }

  function someCampaign(shard: ShardId): CampaignId {
    const id = asCampaignId(`m${shard}-${random.below(CAMPAIGNS_PER_SHARD)}`);
    noteBook(asBookId(id), shard);
    return id;
  }

  const someCode = (): string => `P${random.below(CODES)}`;

  function someCommand(folded: FoldedPromotions, promotion: Promotion, shard: ShardId, roll: number): Command {
    const { id, version, campaignId, settings } = promotion;
    // Now and then somebody knows an older version only.
    const known = random.chance(0.9) ? version : version - 1;
    if (roll < 25) return { kind: 'updatePromotion', id, ...someSettings(settings.code), version: known };
    if (roll < 28) return { kind: 'archivePromotion', id, ifVersion: random.chance(0.7) ? null : [known] };
    if (roll < 29) return { kind: 'stopCampaign', campaign: random.chance(0.9) ? campaignId : someCampaign(shard) };
    if (roll < 64) return reserve(folded, promotion, shard);
    if (roll < 74) return use(promotion);
    return aboutReservation(someReservation(folded), roll);
  }

  function reserve(folded: FoldedPromotions, promotion: Promotion, shard: ShardId): Command {
    const request = withUniqueCode(folded, someRequest(folded, promotion, shard));
    return { kind: 'reserve', request, caller: someCaller(), cartId: someCart(), ttlMs: 1 + random.below(200) };
  }

  /** A cart with the code of a promotion, or all or nothing of a campaign. */
  function someRequest(folded: FoldedPromotions, promotion: Promotion, shard: ShardId): PriceRequest {
    const { campaignId, settings, id } = promotion;
    const isWhole = random.chance(0.25);
    const beside = isWhole || random.chance(0.2) ? [someOther(folded, shard)] : [];
    const codes = [...(settings.code === null ? [] : [settings.code]), ...beside.flatMap(({ code }) => code ?? [])];
    const isById = isWhole && random.chance(0.5);
    return {
      campaignId: isWhole || codes.length === 0 || random.chance(0.3) ? campaignId : null,
      codes: isById ? codes.slice(1) : codes,
      promotionIds: isById || settings.code === null ? [id] : [],
      isWhole,
      cart: random.pick(CARTS),
      userId: someUser(),
      segments: [],
      mode: 'all',
      verdicts: [],
    };
  }

  /** Now and then with the code of a book that carries a discount, or with that alone. */
  function withUniqueCode(folded: FoldedPromotions, request: PriceRequest): PriceRequest {
    const inBooks = [...folded.inBooks.codes.values()].filter(({ bookId }) => discountOf(folded, bookId) !== undefined);
    if (inBooks.length === 0 || random.chance(0.5)) return request;
    const { text, bookId, userId } = random.pick(random.chance(0.5) ? inBooks.slice(0, 2) : inBooks);
    const user = random.chance(0.7) ? (userId ?? request.userId) : request.userId;
    const campaignId = discountOf(folded, bookId)?.campaignId ?? null;
    const isCombined = campaignId === request.campaignId || random.chance(0.2);
    if (isCombined) return { ...request, codes: [...request.codes, text], userId: user };
    const isNamed = request.isWhole || random.chance(0.2);
    return { ...request, codes: [text], promotionIds: [], userId: user, campaignId: isNamed ? campaignId : null };
  }

  function someOther({ all }: FoldedPromotions, shard: ShardId): { readonly code: string | null } {
    const inShard = [...all.values()].filter(({ campaignId }) => campaignId.startsWith(`m${shard}`));
    return inShard.length > 0 && random.chance(0.8) ? random.pick(inShard).settings : { code: someCode() };
  }

  function use({ settings }: Promotion): Command {
    const amount = random.chance(0.1) ? null : random.below(12);
    const promotionCode = settings.code ?? someCode();
    const orderId = random.chance(0.5) ? null : `o${random.below(20)}`;
    return { kind: 'usePromotion', promotionCode, caller: someCaller(), userId: someUser(), amount, orderId };
  }

  /** Mostly one that can still be paid, given back or rolled back. */
  function someReservation({ reservations }: FoldedPromotions): FoldedReservation | null {
    const recent = [...reservations.values()].slice(-RECENT);
    const open = recent.filter(({ status }) => status === 'held' || status === 'committed');
    const from = open.length > 0 && random.chance(0.85) ? open : recent;
    return from.length === 0 || random.chance(0.03) ? null : random.pick(from);
  }

  function aboutReservation(found: FoldedReservation | null, roll: number): Command {
    const id = found?.id ?? 'no-such-reservation';
    const owner = random.chance(0.8) ? null : `u${random.below(USERS)}`;
    const isPaid = found?.status === 'committed' && random.chance(0.8);
    if (isPaid || roll >= 96) return { kind: 'rollbackReservation', id, lines: someLines(), reason: null };
    if (roll < 88) return { kind: 'commitReservation', id, orderId: random.chance(0.5) ? null : `o${random.below(3)}` };
    if (roll < 92) return { kind: 'releaseReservation', id, owner };
    return { kind: 'renewReservation', id, owner, ttlMs: 1 + random.below(150) };
  }

  function someLines(): readonly RolledBackLine[] | null {
    if (random.chance(0.4)) return null;
    return [{ productId: random.pick(['mug', 'cup']), quantity: 1 + random.below(3) }];
  }

  function someQuery(folded: FoldedPromotions, shard: ShardId): Query {
    const promotion = random.pick([...folded.all.values()]);
    const reservation = someReservation(folded);
    const roll = random.below(6);
    if (roll === 0) return { kind: 'getPromotion', id: promotion.id };
    if (roll === 1) return { kind: 'getCode', code: promotion.settings.code ?? someCode() };
    if (roll === 2) return { kind: 'getReservation', id: reservation?.id ?? 'no-such-reservation' };
    if (roll === 3) {
      const { caller = someCaller(), userId = someUser(), cartId = null } = reservation ?? {};
      return { kind: 'findReservation', caller, userId, cartId: cartId ?? 'cart0' };
    }
    if (roll === 4) return ALL_PROMOTIONS;
    const cartId = someCart();
    const cart = cartId === null ? null : { caller: someCaller(), cartId };
    return { kind: 'quote', request: withUniqueCode(folded, someRequest(folded, promotion, shard)), cart };
  }

  function someSettings(code: string | null): { settings: PromotionSettings; plan: PromotionPlan } {
    const count = maybe(0.25, 2);
    const settings = settingsOf({
      code,
      automatic: code === null,
      type: 'fixed',
      discount: random.below(14),
      isActive: random.chance(0.93),
      start: random.chance(0.05) ? at(nowMs() + random.below(100)) : null,
      end: random.chance(0.05) ? at(nowMs() + 200 + random.below(400)) : null,
      maxUsage: maybe(0.4, 4),
      maxUsagePerUser: maybe(0.3, 2),
      maxUsagePerPeriod: count === null ? null : { count, period: 'day' },
      budget: maybe(0.4, 40),
    });
    return { settings, plan: count === null ? NO_PLAN : somePlan() };
  }

  /** Short periods. When they are over, the next ones are not known until the promotion changes. */
  function somePlan(): PromotionPlan {
    const firstMs = Math.floor(nowMs() / PERIOD_MS) * PERIOD_MS;
    const periods = Array.from({ length: PERIODS }, (_, period) => firstMs + period * PERIOD_MS);
    return { windows: null, periods, untilMs: firstMs + PERIODS * PERIOD_MS };
  }

  /** Dates are those of the book. */
  function someDiscount(): DiscountDraft {
    const { settings, plan } = someSettings(null);
    const own = { automatic: false, start: null, end: null, maxUsagePerPeriod: null };
    return { settings: { ...settings, ...own }, plan: { ...plan, periods: null, untilMs: null } };
  }

  return { act, newPromotionId, someCampaign, someDiscount };
}

function at(ms: number): GivenTime {
  const text = new Date(ms).toISOString();
  return { given: text, ms, local: text };
}
