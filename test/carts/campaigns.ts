/**
 * Many reservations of a whole campaign against few uses, with kills in between. Each names two
 * promotions: one has a cap, the other one a budget. It holds both or none, so at no moment may one
 * have a use or a hold that the other has not. Half of the callers pay, the others never come back.
 * When their holds have ended, the rest can be used, to the last use or cent.
 *
 * Amounts are in cents here, so that sums are exact.
 */
import { randomUUID } from 'node:crypto';
import { insist, look, type Pending, pause, pendingOf, unexpected } from '../crash/party.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { type Environment, startServer } from '../support/server.js';
import { cents, totalFor } from './carts.js';

export interface CampaignsOptions {
  readonly dataDir: string;
  readonly env?: Environment;
  readonly reservations: number;
  readonly cap: number;
  readonly budget: number;
  readonly kills: number;
  /** Reservations that are under way at once. */
  readonly callers: number;
  /** Must outlast the callers, so that they compete for what others hold. */
  readonly reserveSeconds: number;
  readonly say: (line: string) => void;
}

export interface CampaignsReport {
  readonly reserved: number;
  readonly refused: number;
  readonly committed: number;
  /** They came back when their reservation had ended. */
  readonly late: number;
  readonly samples: number;
  /** Used and held, at most. */
  readonly mostUses: number;
  readonly mostMoney: number;
  readonly faults: readonly string[];
}

const CAPPED = 'CAPPED';
const BUDGETED = 'BUDGETED';
const CAMPAIGN = randomUUID();
const SAMPLE_MS = 10;

/** What a reservation names. Of a book in the campaign, one of its codes would stand here, too. */
const NAMED = { codes: [CAPPED, BUDGETED] };

interface Usage {
  readonly uses: number;
  readonly held: number;
  readonly money: number;
  readonly moneyHeld: number;
}

interface Reserved {
  readonly id: string;
  /** Of the budget. */
  readonly amount: number;
  isPaid: boolean;
}

export async function campaigns(options: CampaignsOptions): Promise<CampaignsReport> {
  const { dataDir, env = {}, kills, callers, cap, say } = options;
  let server = await startServer(dataDir, env);
  let api = await connect(server.url, { sockets: callers + 4 });
  await createPromotions(api, options);
  const crowd = createCrowd(options);
  const watch = createWatch(options);
  for (let life = 1; life <= kills + 1; life++) {
    const samples = watch.run(api);
    const running = crowd.run(api);
    if (life > kills) {
      await running;
      watch.stop();
      await samples;
      break;
    }
    // The first ones take everything, so it is killed while they do.
    await Promise.race([running, crowd.untilReserved((cap * life) / (kills + 1))]);
    await server.kill();
    await Promise.all([running, samples]);
    api.close();
    const began = performance.now();
    server = await startServer(dataDir, env);
    api = await connect(server.url, { sockets: callers + 4 });
    say(`kill ${life}: serving again after ${Math.round(performance.now() - began)} ms; ${crowd.summary()}`);
    await crowd.verify(api, watch.faults);
  }
  await finish(api, options, crowd, watch.faults);
  api.close();
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
  const { reserved, refused, late } = crowd.counts;
  return { reserved, refused, late, committed: crowd.committed().length, ...watch.report() };
}

async function createPromotions(api: Api, { cap, budget }: CampaignsOptions): Promise<void> {
  const settings = { type: 'percentage', discount: 10, couponFor: 'product', campaignId: CAMPAIGN };
  // Of the goods' full price: what the other one takes makes no difference.
  const budgeted = { code: BUDGETED, budget: budget / 100, stacking: { base: 'original' }, ...settings };
  for (const promotion of [{ code: CAPPED, maxUsage: cap, ...settings }, budgeted]) {
    const reply = await api.call('POST', '/coupons', promotion);
    if (reply.status !== 201) throw unexpected('a promotion', reply);
  }
}

// -- callers --------------------------------------------------------------------------------------

interface Crowd {
  /** Resolves when all are served, or when the server can't be reached. */
  run(api: Api): Promise<void>;
  /** Resolves when so many have reserved, or when all have begun. */
  untilReserved(count: number): Promise<void>;
  readonly counts: { reserved: number; refused: number; late: number };
  committed(): readonly Reserved[];
  /** Looks for each reservation that was answered. */
  verify(api: Api, faults: string[]): Promise<void>;
  /** One more, which is paid; null: it is refused, with this detail. */
  take(api: Api, amount: number): Promise<string | null>;
  summary(): string;
}

/** What a caller is about; its request is sent again until it has an answer. */
interface Errand {
  readonly amount: number;
  readonly comesBack: boolean;
  reserved: Reserved | null;
  pending: Pending;
}

function createCrowd({ reservations, callers, reserveSeconds }: CampaignsOptions): Crowd {
  const counts = { reserved: 0, refused: 0, late: 0 };
  const all: Reserved[] = [];
  const errands: (Errand | null)[] = Array.from({ length: callers }, () => null);
  let begun = 0;

  function newErrand(amount: number, comesBack: boolean): Errand {
    const body = { ...NAMED, cartTotal: totalFor(amount), reserveSeconds };
    return { amount, comesBack, reserved: null, pending: pendingOf(`/campaigns/${CAMPAIGN}/reserve`, body) };
  }

  function nextErrand(): Errand | null {
    if (begun === reservations) return null;
    const number = begun++;
    return newErrand(100 + ((number * 37) % 900), number % 2 === 0);
  }

  /** The detail of a refusal; null: it is reserved. Undefined: there is no answer. */
  async function reserve(api: Api, errand: Errand): Promise<string | null | undefined> {
    const reply = await insist(api, errand.pending, () => false);
    if (reply === null) return undefined;
    if (reply.status === 409 && reply.body.type === '/problems/campaign-incomplete') {
      counts.refused++;
      return reply.body.detail;
    }
    const id: string = reply.body.reservationId;
    const amounts = reply.status === 200 ? amountsIn(reply.body.applied) : [];
    if (amounts.length !== 2 || amounts[1] !== errand.amount) throw unexpected('a reservation', reply);
    counts.reserved++;
    errand.reserved = { id, amount: errand.amount, isPaid: false };
    errand.pending = pendingOf(`/reservations/${id}/commit`, {});
    all.push(errand.reserved);
    return null;
  }

  /** False: there is no answer. */
  async function pay(api: Api, { pending, reserved }: Errand): Promise<boolean> {
    const reply = await insist(api, pending, () => false);
    if (reply === null) return false;
    if (reply.status === 410) counts.late++;
    else if (reply.status !== 200 || reserved === null) throw unexpected('a commit', reply);
    else reserved.isPaid = true;
    return true;
  }

  /** One after the other, until there is no answer or nothing left to do. */
  async function serve(api: Api, caller: number): Promise<void> {
    for (;;) {
      const errand = errands[caller] ?? nextErrand();
      errands[caller] = errand;
      if (errand === null) return;
      if (errand.reserved === null) {
        const refusal = await reserve(api, errand);
        if (refusal === undefined) return;
      }
      if (errand.reserved !== null && errand.comesBack && !(await pay(api, errand))) return;
      errands[caller] = null;
    }
  }

  return {
    counts,
    committed: () => all.filter(({ isPaid }) => isPaid),
    async run(api) {
      await Promise.all(errands.map((_, caller) => serve(api, caller)));
    },
    async untilReserved(count) {
      while (counts.reserved < count && begun < reservations) await pause(1);
    },
    async verify(api, faults) {
      for (const { id, amount, isPaid } of all) {
        const { status, body } = await look(api, `/reservations/${id}`);
        const amounts = status === 200 ? amountsIn(body.holds) : [];
        const isThere = isPaid ? body.status === 'committed' : ['held', 'expired', 'committed'].includes(body.status);
        if (amounts.length !== 2 || amounts[1] !== amount || !isThere)
          faults.push(`reservation ${id} (paid: ${isPaid}) is ${status} ${JSON.stringify(body)}`);
      }
    },
    async take(api, amount) {
      const errand = newErrand(amount, true);
      const refusal = await reserve(api, errand);
      if (refusal === undefined || (refusal === null && !(await pay(api, errand))))
        throw new Error('the server is away');
      return refusal ?? null;
    },
    summary: () => `${begun} begun, ${counts.reserved} reserved, ${counts.refused} refused, ${counts.late} late`,
  };
}

/** In the order of their names: CAPPED, BUDGETED. */
function amountsIn(holds: readonly { readonly code: string; readonly amount: number }[]): number[] {
  return NAMED.codes.flatMap((code) => holds.filter((hold) => hold.code === code).map(({ amount }) => cents(amount)));
}

// -- what is used and held ------------------------------------------------------------------------

/** Both at one moment, because they are in one campaign. */
async function usagesOf(api: Api): Promise<{ readonly capped: Usage; readonly budgeted: Usage }> {
  const reply = await look(api, `/campaigns/${CAMPAIGN}`);
  if (reply.status !== 200) throw unexpected('a campaign', reply);
  return { capped: usageIn(reply, CAPPED), budgeted: usageIn(reply, BUDGETED) };
}

function usageIn(reply: Reply, code: string): Usage {
  const found = reply.body.promotions.find((one: { code: string }) => one.code === code);
  if (found === undefined) throw unexpected(`a campaign without ${code}`, reply);
  const { usageCount: uses, heldCount: held, budgetUsed, budgetHeld } = found;
  return { uses, held, money: cents(budgetUsed), moneyHeld: cents(budgetHeld) };
}

interface Watch {
  /** Samples until `stop` is called, or until the server can't be reached. */
  run(api: Api): Promise<void>;
  stop(): void;
  readonly faults: string[];
  report(): Pick<CampaignsReport, 'samples' | 'mostUses' | 'mostMoney' | 'faults'>;
}

function createWatch({ cap, budget }: CampaignsOptions): Watch {
  const most = { uses: 0, money: 0 };
  const faults: string[] = [];
  let samples = 0;
  let isStopped = false;

  function take({ capped, budgeted }: Awaited<ReturnType<typeof usagesOf>>): void {
    samples++;
    const [uses, money] = [capped.uses + capped.held, budgeted.money + budgeted.moneyHeld];
    if (uses > cap) faults.push(`${capped.uses} used and ${capped.held} held of ${cap}`);
    if (money > budget) faults.push(`${budgeted.money} cents used and ${budgeted.moneyHeld} held of ${budget}`);
    if (capped.uses !== budgeted.uses || capped.held !== budgeted.held)
      faults.push(`not all or nothing: ${JSON.stringify({ capped, budgeted })}`);
    most.uses = Math.max(most.uses, uses);
    most.money = Math.max(most.money, money);
  }

  return {
    faults,
    async run(api) {
      isStopped = false;
      while (!isStopped) {
        const usages = await usagesOf(api).catch(() => null);
        // It was killed.
        if (usages === null) return;
        take(usages);
        await pause(SAMPLE_MS);
      }
    },
    stop() {
      isStopped = true;
    },
    report: () => ({ samples, mostUses: most.uses, mostMoney: most.money, faults }),
  };
}

/** What was paid is used, and nothing else. The rest can be used, and then nothing is held. */
async function finish(api: Api, options: CampaignsOptions, crowd: Crowd, faults: string[]): Promise<void> {
  const { cap, budget, say } = options;
  const expect = (what: string, value: unknown, expected: unknown): void => {
    if (value !== expected) faults.push(`${what}: ${value}, not ${expected}`);
  };
  say(`all are served: ${crowd.summary()}`);
  while ((await usagesOf(api)).capped.held > 0) await pause(50);
  await crowd.verify(api, faults);
  const expectPaid = async (): Promise<void> => {
    const { capped, budgeted } = await usagesOf(api);
    const paid = crowd.committed();
    for (const { uses, held } of [capped, budgeted]) {
      expect('uses', uses, paid.length);
      expect('holds', held, 0);
    }
    expect(
      'cents',
      budgeted.money,
      paid.reduce((sum, { amount }) => sum + amount, 0),
    );
    expect('cents that are held', budgeted.moneyHeld, 0);
  };
  await expectPaid();
  const { capped, budgeted } = await usagesOf(api);
  const left = Math.min(cap - capped.uses, budget - budgeted.money);
  for (let more = left; more > 0; more--) expect('what is left', await crowd.take(api, 1), null);
  const reason =
    left === cap - capped.uses ? `${CAPPED}: Coupon usage limit exceeded` : `${BUDGETED}: Coupon budget exhausted`;
  const refusal = await crowd.take(api, 1);
  if (refusal?.includes(reason) !== true) faults.push(`one more: ${refusal}, not ${reason}`);
  await expectPaid();
  say(`after the holds had ended: ${left} more were reserved and paid, and one more was refused`);
}
