/** The facts that a digest sums up, readable: by which two states that differ are compared. */
import { canonicalJson } from '../domain/canonical.js';
import type { BookId, Seq } from '../domain/ids.js';
import { bookText } from './book-text.js';
import type { DigestPart } from './digest.js';
import { orderText, stockText } from './flash/facts.js';
import { promotionText, reservationText } from './promotions/facts.js';
import type { ShardState } from './shard-state.js';

export interface Fact {
  /**
   * What it is about: `book ID`, `code CODE`, `redemption ID`, `batch ID`, `promotion ID`,
   * `reservation ID`, `product ID`, `order ID`.
   */
  readonly about: string;
  /** Canonical JSON. */
  readonly text: string;
  /** Of the last event that made it so; 0 where that is not kept. */
  readonly seq: Seq | 0;
}

/** The facts of a part. Remembered keys have none that can be listed. */
export function factsOf(state: ShardState, { about, bookId, first, end }: DigestPart): Fact[] {
  switch (about) {
    case 'book': {
      const book = state.coupons.book((bookId ?? '') as BookId);
      return book === undefined
        ? []
        : [{ about: `book ${book.current.id}`, text: bookText(state, book.current), seq: 0 }];
    }
    case 'codes':
      return range(first, end, (index) => codeFact(state, index));
    case 'redemptions':
      return range(first, end, (number) => redemptionFact(state, number));
    case 'batches':
      return [...state.coupons.openBatches.all()].map((batch) => ({
        about: `batch ${batch.batchId}`,
        text: canonicalJson(batch),
        seq: 0,
      }));
    case 'promotions':
      return range(first, end, (number) => ({
        about: `promotion ${state.promotions.all[number]?.current.id}`,
        text: promotionText(state.promotions, number),
        seq: 0,
      }));
    case 'reservations':
      return range(first, end, (number) => ({
        about: `reservation ${state.promotions.reservations[number]?.id}`,
        text: reservationText(state.promotions, number),
        seq: 0,
      }));
    case 'products':
      return range(first, end, (number) => ({
        about: `product ${state.flash.all[number]?.current.productId}`,
        text: stockText(state.flash, number),
        seq: 0,
      }));
    case 'orders':
      return range(first, end, (number) =>
        state.flash.orders.exists(number)
          ? { about: `order ${state.flash.orders.id(number)}`, text: orderText(state.flash, number), seq: 0 }
          : null,
      );
    case 'keys':
      return [];
  }
}

function codeFact(state: ShardState, index: number): Fact | null {
  const { codes, users, leases } = state.coupons;
  if (!codes.exists(index)) return null;
  const about = `code ${codes.text(index)}`;
  const record = codes.record(index);
  if (record === -1) return { about, text: canonicalJson({ index, used: false }), seq: 0 };
  const { used } = codes;
  const user = used.user.get(record);
  const fact = {
    index,
    userId: user === 0 ? null : users.name(user - 1),
    assignedMs: used.assignedMs.get(record),
    lockId: leases.lockId(record),
    lockedUntilMs: leases.untilMs(record),
    redemptionCount: used.redemptionCount.get(record),
    seq: used.lastSeq.get(record),
  };
  return { about, text: canonicalJson(fact), seq: fact.seq as Seq };
}

function redemptionFact(state: ShardState, number: number): Fact | null {
  const { redemptions, users } = state.coupons;
  if (!redemptions.exists(number)) return null;
  const fact = {
    userId: users.name(redemptions.user(number)),
    index: redemptions.code(number),
    isRolledBack: redemptions.isRolledBack(number),
  };
  return { about: `redemption ${redemptions.id(number)}`, text: canonicalJson(fact), seq: 0 };
}

function range(first: number, end: number, factAt: (place: number) => Fact | null): Fact[] {
  const facts: Fact[] = [];
  for (let place = first; place < end; place++) {
    const fact = factAt(place);
    if (fact !== null) facts.push(fact);
  }
  return facts;
}
