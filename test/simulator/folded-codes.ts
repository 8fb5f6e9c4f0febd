/** Unique codes, folded naively, and what reservations of carts have to do with them. */
import assert from 'node:assert/strict';
import type { BookId, Seq } from '../../src/domain/ids.js';
import type { ReservationRow } from '../../src/postgres/store.js';
import type { Book } from '../../src/records/values.generated.js';

export interface FoldedCode {
  readonly text: string;
  readonly bookId: BookId;
  readonly index: number;
  userId: string | null;
  assignedMs: number | null;
  lock: { readonly lockId: number; readonly untilMs: number } | null;
  redemptionCount: number;
  lastSeq: Seq;
}

export interface FoldedRedemption {
  code: string;
  index: number;
  userId: string;
  atMs: number;
  rolledBack: boolean;
}

export interface FoldedCodes {
  readonly books: Map<BookId, Book>;
  readonly codes: Map<string, FoldedCode>;
  readonly redemptions: Map<string, FoldedRedemption>;
}

export const newFoldedCodes = (): FoldedCodes => ({ books: new Map(), codes: new Map(), redemptions: new Map() });

export function isLocked(code: FoldedCode, nowMs: number): boolean {
  return code.lock !== null && code.lock.untilMs > nowMs;
}

/** Redemptions of the book that stand. */
export const standingIn = ({ codes, redemptions }: FoldedCodes, bookId: string): FoldedRedemption[] =>
  [...redemptions.values()].filter(({ code, rolledBack }) => !rolledBack && codes.get(code)?.bookId === bookId);

type Reservations = ReadonlyMap<string, ReservationRow>;

/** The reservation that holds the code. */
export const holderOf = (reservations: Reservations, text: string): ReservationRow | undefined =>
  [...reservations.values()].find(({ status, cart }) => status === 'held' && codesIn(cart).includes(text));

export const codesIn = ({ holds }: ReservationRow['cart']): string[] =>
  holds.flatMap(({ uniqueCode }) => uniqueCode ?? []);

/** After a change of the reservation. `before`: the codes that it held until then. */
export function assertCodesFollow(
  { codes, redemptions }: FoldedCodes,
  reservations: Reservations,
  found: ReservationRow,
  before: readonly string[],
): void {
  const { status, cart, untilMs, userId, redemptionIds } = found;
  const held = status === 'held' ? codesIn(cart) : [];
  for (const text of before)
    if (!held.includes(text)) assert.equal(codes.get(text)?.lock, null, `${text} is free when its cart lets it go`);
  for (const text of held) {
    const code = codes.get(text);
    assert.equal(code?.userId, userId, 'a held code belongs to the user of the cart');
    assert.equal(code?.lock?.untilMs, untilMs, 'a held code is locked until the hold ends');
    for (const other of reservations.values())
      if (other !== found && other.status === 'held')
        assert.ok(!codesIn(other.cart).includes(text), `${text} is in one open reservation`);
  }
  if (status !== 'committed' && status !== 'rolledBack') return;
  for (const [at, { uniqueCode }] of cart.holds.entries()) {
    if (uniqueCode === undefined) continue;
    const redemption = redemptions.get(redemptionIds?.[at] ?? '');
    assert.ok(redemption?.code === uniqueCode && redemption.userId === userId, 'the use of a code is a redemption');
    assert.equal(redemption.rolledBack, status === 'rolledBack', 'it is rolled back with its reservation');
  }
}
