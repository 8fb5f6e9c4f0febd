/**
 * The unique codes that reservations of a campaign name beside its promotions. They are codes of a
 * book of the campaign, and the book carries a discount. Every third caller wants the code of the
 * caller before it, half of them as the same user. A refused reservation must leave no trace on its
 * code, and a committed one redeems it exactly once.
 */
import { look, newBook, unexpected } from '../crash/party.js';
import type { Api, Reply } from '../support/api.js';
import { cents } from './carts.js';

/** A code, as those who asked for it were told. */
export interface Asked {
  /** Some of them have no answer yet. */
  isOpen: boolean;
  readonly reservations: { readonly id: string; readonly isPaid: boolean }[];
}

export interface BookUsage {
  readonly uses: number;
  readonly held: number;
  readonly money: number;
  readonly moneyHeld: number;
  readonly locked: number;
  readonly redemptions: number;
}

export interface UniqueCodes {
  /** Which code, and for whom, the caller of this number wants. */
  wantedBy(number: number): { readonly code: string; readonly userId: string };
  usage(api: Api): Promise<BookUsage>;
  /** Adds to `faults` what nobody was told. */
  verify(api: Api, code: string, asked: Asked, faults: string[]): Promise<void>;
}

const UPLOAD_CODES = 1_000;

export interface UniqueCodesOptions {
  readonly campaignId: string;
  /** So many callers share some of the codes. Those after them have each a code of their own. */
  readonly sharers: number;
  readonly callers: number;
  /** Of what the goods cost. */
  readonly percent: number;
}

export async function createUniqueCodes(api: Api, options: UniqueCodesOptions): Promise<UniqueCodes> {
  const { campaignId, sharers, callers, percent } = options;
  // Of the goods' full price: what the promotions take makes no difference.
  const discount = { type: 'percentage', discount: percent, couponFor: 'product', stacking: { base: 'original' } };
  const bookId = await newBook(api, { redeemableBy: 'bearer', campaignId, discount });
  for (let first = 0; first < callers; first += UPLOAD_CODES) {
    const codes = Array.from({ length: Math.min(UPLOAD_CODES, callers - first) }, (_, at) => codeOf(first + at));
    const reply = await api.call('POST', `/coupon-books/${bookId}/codes`, { codes });
    if (reply.status !== 200 || reply.body.added !== codes.length) throw unexpected('an upload of codes', reply);
  }

  return {
    wantedBy(number) {
      const isRival = number < sharers && number % 3 === 2;
      const code = codeOf(isRival ? number - 1 : number);
      return { code, userId: isRival && number % 2 === 0 ? `rival-${number}` : `user-of-${code}` };
    },
    async usage(over) {
      const reply = await look(over, `/coupon-books/${bookId}`);
      if (reply.status !== 200) throw unexpected('a book', reply);
      const { discount: shown, counts } = reply.body;
      return {
        uses: shown.usageCount,
        held: shown.heldCount,
        money: cents(shown.budgetUsed),
        moneyHeld: cents(shown.budgetHeld),
        locked: counts.locked,
        redemptions: counts.redemptions,
      };
    },
    verify,
  };
}

const codeOf = (number: number): string => `UNIQUE-${number}`;

async function verify(api: Api, code: string, { isOpen, reservations }: Asked, faults: string[]): Promise<void> {
  const reply = await look(api, `/coupons/code/${code}`);
  const fault = (what: string): void => void faults.push(`${code} ${what}: ${JSON.stringify(reply.body)}`);
  if (reply.status !== 200) {
    fault(`got ${reply.status}`);
    return;
  }
  const { status, userId, redemptionCount } = reply.body;
  const paid = reservations.filter(({ isPaid }) => isPaid);
  if (paid.length > 1) fault(`was paid ${paid.length} times`);
  if (redemptionCount < paid.length || redemptionCount > (isOpen ? 1 : paid.length))
    fault(`was paid ${paid.length} times and redeemed ${redemptionCount} times`);
  if (reservations.length === 0 && !isOpen && (status !== 'available' || userId !== null))
    fault('was only in refused reservations, and is not as it was');
  // Read after the code: what is still held now was locked then.
  for (const { id } of reservations) {
    const { body } = await look(api, `/reservations/${id}`);
    if (body.status === 'held' && (status !== 'locked' || reply.body.lockedUntil !== body.reservedUntil))
      fault(`is held by ${JSON.stringify(body)}, and not locked until then`);
  }
  if (!isOpen && paid.length > 0)
    await verifyHistory(
      api,
      code,
      paid.map(({ id }) => id),
      fault,
    );
}

/** The only redemption is that of the reservation that was paid. */
async function verifyHistory(
  api: Api,
  code: string,
  paid: readonly string[],
  fault: (what: string) => void,
): Promise<void> {
  const history = await look(api, `/coupons/${code}/history`);
  if (history.status !== 200) throw unexpected('a history', history);
  const redeemed = redemptionsIn(history);
  if (JSON.stringify(redeemed) !== JSON.stringify(paid))
    fault(`was redeemed by ${JSON.stringify(redeemed)}, and paid by ${JSON.stringify(paid)}`);
}

/** Ids of their reservations. */
function redemptionsIn({ body }: Reply): unknown[] {
  return body.items
    .filter((entry: { event: string }) => entry.event === 'coupon.redeemed')
    .map((entry: { detail?: { metadata?: { reservationId?: string } } }) => entry.detail?.metadata?.reservationId);
}
