/**
 * Shoppers who reserve discounts, and pay, give back, or never return. They fight over two
 * promotions that are soon used up: one has a cap, the other one a budget. Some shoppers apply both
 * codes and get what is left of them. Others reserve both from their campaign, all or nothing.
 *
 *     reserve ─▶ renew ─▶ commit ─▶ rollback of a line ─▶ rollback
 *           ├─▶ release      └─▶ kept for good, as long as half of the cap is left
 *           └─▶ never comes back: the hold ends by itself
 *
 * Amounts are in cents here, so that sums are exact.
 */
import { randomUUID } from 'node:crypto';
import type { Api, Reply } from '../support/api.js';
import { insist, look, type Party, type Pending, pause, pendingOf, unexpected } from './party.js';
import type { Verdict } from './verify.js';

export interface ShoppersOptions {
  readonly count: number;
  /** All or nothing of the campaign, or what is left of both codes. */
  readonly isWhole: boolean;
}

const CAP = 24;
const BUDGET_CENTS = 20_011;
const LEAVES_SECONDS = 1;
const STAYS_SECONDS = 86_400;
/** A hold is over when its time is; the clock of a server that restarts may be late by less. */
const LATE_MS_MAX = 1_000;
const REFUSED_PAUSE_MS = 20;
const LINES = [
  { productId: 'mug', quantity: 3, unitPrice: 19.99 },
  { productId: 'cup', quantity: 2, unitPrice: 7.5 },
];

type Status = 'held' | 'committed' | 'released' | 'rolledBack' | 'expired';
type Step = 'renew' | 'commit' | 'release' | 'rollbackLine' | 'rollback';
interface Plan {
  readonly steps: readonly Step[];
  readonly end: 'givenBack' | 'kept' | 'left';
}

const PLANS: readonly Plan[] = [
  { steps: ['release'], end: 'givenBack' },
  { steps: ['renew', 'release'], end: 'givenBack' },
  { steps: ['commit', 'rollback'], end: 'givenBack' },
  { steps: ['renew', 'commit', 'rollbackLine', 'rollback'], end: 'givenBack' },
  { steps: ['commit'], end: 'kept' },
  { steps: ['commit', 'rollbackLine'], end: 'kept' },
  { steps: [], end: 'left' },
];

/** What a step makes of a reservation. */
const AFTER: Readonly<Record<Step, Status>> = {
  renew: 'held',
  commit: 'committed',
  release: 'released',
  rollbackLine: 'committed',
  rollback: 'rolledBack',
};

interface Hold {
  readonly code: string;
  readonly amount: number;
  /** Of it, what was given back. */
  readonly back: number;
}

/** A reservation, as its shopper was told. */
interface Told {
  readonly id: string;
  readonly plan: Plan;
  readonly untilMs: number;
  holds: readonly Hold[];
  status: Status;
  /** Steps that were answered. */
  done: number;
}

interface Shopper {
  readonly userId: string;
  plan: Plan | null;
  told: Told | null;
  pending: Pending | null;
}

interface Usage {
  readonly uses: number;
  readonly held: number;
  readonly money: number;
  readonly moneyHeld: number;
}

export async function createShoppers(api: Api, { count, isWhole }: ShoppersOptions): Promise<Party> {
  const campaignId = randomUUID();
  const codes = await createPromotions(api, campaignId, isWhole ? 'WHOLE' : 'PART');
  const shoppers = Array.from(
    { length: count },
    (_, index): Shopper => ({ userId: `shopper-${index}`, plan: null, told: null, pending: null }),
  );
  /** Without those that were found in their last state. */
  let reservations: Told[] = [];
  /** Found in their last state, and committed: uses and cents by code. */
  const kept = new Map(codes.map((code) => [code, { uses: 0, money: 0 }]));
  let keeping = 0;
  let answered = 0;
  let isStopped = false;

  function next({ plan, told, userId }: Shopper): Pending {
    if (told === null) {
      const reserveSeconds = plan?.end === 'left' ? LEAVES_SECONDS : STAYS_SECONDS;
      const cart = { codes, lines: LINES, userId, reserveSeconds };
      if (isWhole) return pendingOf(`/campaigns/${campaignId}/reserve`, cart);
      return pendingOf('/coupons/apply', { ...cart, reserve: true });
    }
    const step = stepOf(told);
    if (step === 'rollbackLine')
      return pendingOf(`/reservations/${told.id}/rollback`, { lines: [{ productId: 'mug', quantity: 1 }] });
    return pendingOf(`/reservations/${told.id}/${step}`, step === 'renew' ? { reserveSeconds: STAYS_SECONDS } : {});
  }

  function somePlan(): Plan {
    const plan = PLANS[Math.floor(Math.random() * PLANS.length)] as Plan;
    if (plan.end !== 'kept') return plan;
    if (keeping >= CAP / 2) return somePlan();
    keeping++;
    return plan;
  }

  /** One request of a shopper. False: there is no answer. */
  async function goOn(over: Api, shopper: Shopper): Promise<boolean> {
    shopper.plan ??= somePlan();
    shopper.pending ??= next(shopper);
    const reply = await insist(over, shopper.pending, () => isStopped);
    if (reply === null) return false;
    shopper.pending = null;
    answered++;
    const { told, plan } = shopper;
    if (told !== null) takeStep(told, reply);
    else if (isRefusal(reply)) {
      // The plan stays: it is tried until there is room.
      await pause(REFUSED_PAUSE_MS);
      return true;
    } else {
      shopper.told = takeReservation(plan, reply);
      reservations.push(shopper.told);
    }
    if (shopper.told !== null && shopper.told.done === plan.steps.length)
      Object.assign(shopper, { told: null, plan: null });
    return true;
  }

  function isRefusal({ status, body }: Reply): boolean {
    if (isWhole) return status === 409 && body.type === '/problems/campaign-incomplete';
    return status === 400 && body.type === '/problems/coupon-not-applicable';
  }

  function takeReservation(plan: Plan, reply: Reply): Told {
    if (reply.status !== 200) throw unexpected('a reservation', reply);
    const { reservationId: id, reservedUntil, applied } = reply.body;
    if (applied.length === 0 || (isWhole && applied.length !== codes.length)) throw unexpected('a reservation', reply);
    const holds = applied.map(({ code, amount }: { code: string; amount: number }) => holdOf(code, amount, 0));
    return { id, plan, untilMs: Date.parse(reservedUntil), holds, status: 'held', done: 0 };
  }

  function takeStep(told: Told, reply: Reply): void {
    const step = stepOf(told);
    if (reply.status !== 200 || reply.body.status !== AFTER[step]) throw unexpected(step, reply);
    told.status = AFTER[step];
    told.holds = holdsIn(reply);
    told.done++;
  }

  /** What the server has of it; null: nothing. */
  async function verifyTold(over: Api, told: Told, verdict: Verdict): Promise<Reply | null> {
    verdict.checked++;
    const reply = await look(over, `/reservations/${told.id}`);
    const name = `reservation ${told.id}`;
    if (reply.status !== 200) {
      verdict.lost.push(`${name} got ${reply.status}`);
      return null;
    }
    const isAsked = shoppers.some((one) => one.told === told && one.pending !== null);
    const may = [told.status, ...(isAsked ? [AFTER[stepOf(told)]] : [])];
    const isEnded = told.plan.end === 'left' && reply.body.status === 'expired';
    if (!isEnded && !may.includes(reply.body.status))
      verdict.lost.push(`${name} is ${reply.body.status}, and its shopper was told ${told.status}`);
    if (told.plan.end === 'left' && !isEnded && Date.now() > told.untilMs + LATE_MS_MAX)
      verdict.lost.push(`${name} should have ended at ${told.untilMs}`);
    const [is, was] = [JSON.stringify(holdsIn(reply)), JSON.stringify(told.holds)];
    if (!isAsked && is !== was) verdict.doubled.push(`${name} holds ${is}, and its shopper was told ${was}`);
    return reply;
  }

  /** Whether it is what it will be for good. */
  const isLast = (told: Told, status: Status): boolean =>
    status !== 'held' && !shoppers.some((shopper) => shopper.told === told);

  function keep(reply: Reply): void {
    if (reply.body.status !== 'committed') return;
    for (const { code, amount, back } of holdsIn(reply)) {
      const sum = kept.get(code);
      if (sum !== undefined) Object.assign(sum, { uses: sum.uses + 1, money: sum.money + amount - back });
    }
  }

  /** Uses are what the reservations say. Of holds, some may have no answer, and some end now. */
  function verifyUsage(code: string, usage: Usage, found: readonly (readonly [Told, Reply])[], verdict: Verdict): void {
    const { uses, money } = kept.get(code) ?? { uses: 0, money: 0 };
    const of = (status: Status): { uses: number; money: number; leaving: number } => {
      const sum = { uses: 0, money: 0, leaving: 0 };
      for (const [{ plan }, reply] of found) {
        const hold = holdsIn(reply).find((one) => one.code === code);
        if (hold === undefined || reply.body.status !== status) continue;
        sum.uses++;
        sum.money += hold.amount - hold.back;
        if (plan.end === 'left') sum.leaving++;
      }
      return sum;
    };
    const [committed, held] = [of('committed'), of('held')];
    const asking = shoppers.filter(({ told, pending }) => told === null && pending !== null).length;
    const said = `${code} has ${JSON.stringify(usage)}`;
    if (usage.uses < uses + committed.uses || usage.held < held.uses - held.leaving) verdict.lost.push(said);
    if (usage.uses > uses + committed.uses || usage.held > held.uses + asking) verdict.doubled.push(said);
    if (usage.money !== money + committed.money) verdict.doubled.push(`${said}, and not ${money + committed.money}`);
    if (code === codes[0] && usage.uses + usage.held > CAP) verdict.doubled.push(`${said}, over its cap`);
    if (code !== codes[0] && usage.money + usage.moneyHeld > BUDGET_CENTS)
      verdict.doubled.push(`${said}, over its budget`);
  }

  return {
    answered: () => answered,
    async run(over) {
      isStopped = false;
      await Promise.all(
        shoppers.map(async (shopper) => {
          while (!isStopped && (await goOn(over, shopper)));
        }),
      );
    },
    stop() {
      isStopped = true;
    },
    async finish(over) {
      isStopped = false;
      for (const shopper of shoppers) if (shopper.pending !== null) await goOn(over, shopper);
    },
    async verify(over, verdict) {
      const found: (readonly [Told, Reply])[] = [];
      for (const told of reservations) {
        const reply = await verifyTold(over, told, verdict);
        if (reply !== null) found.push([told, reply]);
      }
      const usages = await usagesOf(over, campaignId);
      for (const code of codes) verifyUsage(code, usages.get(code) ?? NOTHING, found, verdict);
      const [first, second] = codes.map((code) => usages.get(code) ?? NOTHING);
      if (isWhole && (first?.uses !== second?.uses || first?.held !== second?.held))
        verdict.doubled.push(`not all or nothing: ${JSON.stringify([first, second])}`);
      const last = found.filter(([told, { body }]) => isLast(told, body.status));
      for (const [, reply] of last) keep(reply);
      const done = new Set(last.map(([told]) => told));
      reservations = reservations.filter((told) => !done.has(told));
    },
  };
}

const NOTHING: Usage = { uses: 0, held: 0, money: 0, moneyHeld: 0 };

const stepOf = ({ plan, done }: Told): Step => plan.steps[done] as Step;

const cents = (amount: number): number => Math.round(amount * 100);

const holdOf = (code: string, amount: number, back: number): Hold => ({
  code,
  amount: cents(amount),
  back: cents(back),
});

function holdsIn({ body }: Reply): Hold[] {
  return body.holds.map((hold: { code: string; amount: number; rolledBackAmount: number }) =>
    holdOf(hold.code, hold.amount, hold.rolledBackAmount),
  );
}

/** Of one moment: both promotions are in one campaign. */
async function usagesOf(api: Api, campaignId: string): Promise<Map<string, Usage>> {
  const reply = await look(api, `/campaigns/${campaignId}`);
  if (reply.status !== 200) throw unexpected('a campaign', reply);
  const promotions = reply.body.promotions as Record<string, number>[];
  return new Map(
    promotions.map(({ code, usageCount = 0, heldCount = 0, budgetUsed = 0, budgetHeld = 0 }) => [
      String(code),
      { uses: usageCount, held: heldCount, money: cents(budgetUsed), moneyHeld: cents(budgetHeld) },
    ]),
  );
}

async function createPromotions(api: Api, campaignId: string, name: string): Promise<readonly string[]> {
  const settings = { type: 'percentage', couponFor: 'product', campaignId };
  const capped = { ...settings, code: `${name}-CAP`, discount: 10, maxUsage: CAP };
  const budgeted = { ...settings, code: `${name}-BUDGET`, discount: 15, budget: BUDGET_CENTS / 100 };
  for (const promotion of [capped, budgeted]) {
    const reply = await api.call('POST', '/coupons', promotion);
    if (reply.status !== 201) throw unexpected('a promotion', reply);
  }
  return [capped.code, budgeted.code];
}
