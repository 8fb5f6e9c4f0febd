/**
 * Users who bought, and whose uses are counted after the order, without a reservation. Each of them
 * has a few, and is then refused: a use that was lost would let one more in, and one that was
 * doubled would let one less in.
 */
import type { Api } from '../support/api.js';
import { insist, look, type Party, type Pending, pendingOf, unexpected } from './party.js';

const CODE = 'COUNTED';
const USES_PER_USER = 3;
const CENTS = 125;
const REFUSED = 'Coupon usage limit per user exceeded';

interface Counter {
  readonly name: string;
  users: number;
  /** Of the present user. */
  uses: number;
  pending: Pending | null;
}

export async function createUses(api: Api, count: number): Promise<Party> {
  const made = await api.call('POST', '/coupons', {
    code: CODE,
    discount: 5,
    type: 'percentage',
    couponFor: 'product',
    maxUsagePerUser: USES_PER_USER,
  });
  if (made.status !== 201) throw unexpected('a promotion', made);
  const counters = Array.from(
    { length: count },
    (_, index): Counter => ({ name: `buyer-${index}`, users: 0, uses: 0, pending: null }),
  );
  let counted = 0;
  let answered = 0;
  let isStopped = false;

  /** False: there is no answer. */
  async function goOn(over: Api, counter: Counter): Promise<boolean> {
    const userId = `${counter.name}.${counter.users}`;
    const body = { code: CODE, userId, discountAmount: CENTS / 100 };
    counter.pending ??= pendingOf('/coupons/increment-usage', body);
    const reply = await insist(over, counter.pending, () => isStopped);
    if (reply === null) return false;
    counter.pending = null;
    answered++;
    const isFull = counter.uses === USES_PER_USER;
    const isAsExpected = isFull ? reply.status === 400 && reply.body.message === REFUSED : reply.status === 200;
    if (!isAsExpected) throw unexpected(`use ${counter.uses + 1} of ${userId}`, reply);
    if (isFull) Object.assign(counter, { users: counter.users + 1, uses: 0 });
    else {
      counter.uses++;
      counted++;
    }
    return true;
  }

  return {
    answered: () => answered,
    async run(over) {
      isStopped = false;
      await Promise.all(
        counters.map(async (counter) => {
          while (!isStopped && (await goOn(over, counter)));
        }),
      );
    },
    stop() {
      isStopped = true;
    },
    async finish(over) {
      isStopped = false;
      for (const counter of counters) if (counter.pending !== null) await goOn(over, counter);
    },
    async verify(over, verdict) {
      verdict.checked++;
      const reply = await look(over, `/coupons/code/${CODE}`);
      if (reply.status !== 200) throw unexpected('a promotion', reply);
      const { usageCount, budgetUsed } = reply.body;
      const unknown = counters.filter(({ pending }) => pending !== null).length;
      const said = `${counted} uses were answered, ${unknown} have no answer, and ${usageCount} are there`;
      if (usageCount < counted) verdict.lost.push(said);
      if (usageCount > counted + unknown) verdict.doubled.push(said);
      if (Math.round(budgetUsed * 100) !== usageCount * CENTS)
        verdict.doubled.push(`${usageCount} uses have ${budgetUsed}`);
    },
  };
}
