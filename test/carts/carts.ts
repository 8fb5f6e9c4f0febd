/**
 * Many carts against few uses, with kills in between. Each cart reserves; half of the carts never
 * come back, the others pay: their reservation is committed. Some go for a promotion with a cap,
 * the others for one with a budget. At no moment may more be used or held than there is. When the
 * holds of those that never came back have ended, the rest can be used, to the last use and cent.
 *
 * Amounts are in cents here, so that sums are exact.
 */

import { insist, type Pending, pause, pendingOf, unexpected } from '../crash/party.js';
import { type Api, connect } from '../support/api.js';
import { type Environment, type Server, startServer } from '../support/server.js';
import type { CrowdReport } from './command-line.js';

export interface CartsOptions {
  readonly dataDir: string;
  readonly env?: Environment;
  /** Of each of the two promotions. */
  readonly carts: number;
  readonly cap: number;
  readonly budget: number;
  readonly kills: number;
  /** Carts that are under way at once. */
  readonly callers: number;
  /** Must outlast the carts, so that they compete for what others hold. */
  readonly reserveSeconds: number;
  readonly say: (line: string) => void;
}

const CAPPED = 'CAPPED';
const BUDGETED = 'BUDGETED';
type Code = typeof CAPPED | typeof BUDGETED;

const SAMPLE_MS = 10;
/** Carts of one caller that are on their way to pay. */
const PAYING = 4;

/** `reservationId` null: it has not reserved yet. */
interface Cart {
  readonly code: Code;
  readonly amount: number;
  readonly comesBack: boolean;
  readonly reserve: Pending;
  reservationId: string | null;
  commit: Pending | null;
}

export async function carts(options: CartsOptions): Promise<CrowdReport> {
  const { dataDir, env = {}, kills, say } = options;
  let server = await startServer(dataDir, env);
  let api = await connect(server.url, { sockets: options.callers + 4 });
  await createPromotions(api, options);
  const crowd = createCrowd(options);
  const watch = createWatch(options);
  for (let life = 1; life <= kills + 1; life++) {
    const samples = watch.run(api);
    const isLast = life > kills;
    const running = crowd.run(api);
    if (isLast) {
      await running;
      watch.stop();
      await samples;
      break;
    }
    // The first carts take everything, so it is killed while they do.
    await Promise.race([running, crowd.untilReserved((2 * options.cap * life) / (kills + 1))]);
    await server.kill();
    await Promise.all([running, samples]);
    api.close();
    const began = performance.now();
    server = await startServer(dataDir, env);
    api = await connect(server.url, { sockets: options.callers + 4 });
    say(`kill ${life}: serving again after ${Math.round(performance.now() - began)} ms; ${crowd.summary()}`);
  }
  await finish(api, options, crowd, watch);
  api.close();
  await stop(server);
  const { reserved, refused, late } = crowd.counts;
  return {
    reserved,
    refused,
    late,
    committed: crowd.committed(CAPPED).count + crowd.committed(BUDGETED).count,
    ...watch.report(),
  };
}

async function stop(server: Server): Promise<void> {
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
}

async function createPromotions(api: Api, { cap, budget }: CartsOptions): Promise<void> {
  const settings = { type: 'percentage', discount: 10, couponFor: 'product' };
  for (const promotion of [
    { code: CAPPED, maxUsage: cap, ...settings },
    { code: BUDGETED, budget: budget / 100, ...settings },
  ]) {
    const reply = await api.call('POST', '/coupons', promotion);
    if (reply.status !== 201) throw unexpected('a promotion', reply);
  }
}

// -- carts ----------------------------------------------------------------------------------------

interface Crowd {
  /** Resolves when all carts are served, or when the server can't be reached. */
  run(api: Api): Promise<void>;
  /** Resolves when so many have reserved, or when all have begun. */
  untilReserved(count: number): Promise<void>;
  readonly counts: { reserved: number; refused: number; late: number };
  committed(code: Code): { count: number; money: number };
  /** What carts reserve besides; null: it is refused, with this message. */
  take(api: Api, code: Code, amount: number): Promise<string | null>;
  summary(): string;
}

function createCrowd({ carts: cartsMax, callers, reserveSeconds }: CartsOptions): Crowd {
  const counts = { reserved: 0, refused: 0, late: 0 };
  const committed = { [CAPPED]: { count: 0, money: 0 }, [BUDGETED]: { count: 0, money: 0 } };
  /** By caller: the cart that reserves is the last one, those before it are on their way to pay. */
  const baskets: Cart[][] = Array.from({ length: callers }, () => []);
  let begun = 0;

  function nextCart(): Cart | null {
    if (begun === 2 * cartsMax) return null;
    const number = begun++;
    const code = number % 2 === 0 ? CAPPED : BUDGETED;
    return newCart(code, 100 + ((number * 37) % 900), (number >> 1) % 2 === 0);
  }

  function newCart(code: Code, amount: number, comesBack: boolean): Cart {
    const cart = { code, cartTotal: totalFor(amount), reserve: true, reserveSeconds };
    return { code, amount, comesBack, reserve: pendingOf('/coupons/apply', cart), reservationId: null, commit: null };
  }

  /** The message of a refusal; null: it is reserved. Undefined: there is no answer. */
  async function reserve(api: Api, cart: Cart): Promise<string | null | undefined> {
    const reply = await insist(api, cart.reserve, () => false);
    if (reply === null) return undefined;
    if (reply.status === 400) {
      counts.refused++;
      return reply.body.message;
    }
    if (reply.status !== 200 || cents(reply.body.discountAmount) !== cart.amount) throw unexpected('a cart', reply);
    counts.reserved++;
    cart.reservationId = reply.body.reservationId;
    return null;
  }

  /** False: there is no answer. */
  async function pay(api: Api, cart: Cart): Promise<boolean> {
    cart.commit ??= pendingOf(`/reservations/${cart.reservationId}/commit`, {});
    const reply = await insist(api, cart.commit, () => false);
    if (reply === null) return false;
    if (reply.status === 410) counts.late++;
    else if (reply.status !== 200) throw unexpected('a commit', reply);
    else {
      committed[cart.code].count++;
      committed[cart.code].money += cart.amount;
    }
    return true;
  }

  async function serve(api: Api, basket: Cart[]): Promise<void> {
    for (;;) {
      const open = basket.at(-1);
      const current = open !== undefined && open.reservationId === null ? open : nextCart();
      if (current !== null && current !== open) basket.push(current);
      if (current !== null) {
        const refusal = await reserve(api, current);
        if (refusal === undefined) return;
        if (refusal !== null || !current.comesBack) basket.pop();
      }
      const [first] = basket;
      if (first === undefined && current === null) return;
      if (first === undefined || (current !== null && basket.length <= PAYING)) continue;
      if (!(await pay(api, first))) return;
      basket.shift();
    }
  }

  return {
    counts,
    committed: (code) => committed[code],
    async run(api) {
      await Promise.all(baskets.map((basket) => serve(api, basket)));
    },
    async untilReserved(count) {
      while (counts.reserved < count && begun < 2 * cartsMax) await pause(1);
    },
    async take(api, code, amount) {
      const cart = newCart(code, amount, true);
      const refusal = await reserve(api, cart);
      if (refusal === undefined || (refusal === null && !(await pay(api, cart)))) throw new Error('the server is away');
      return refusal ?? null;
    },
    summary: () => `${begun} carts, ${counts.reserved} reserved, ${counts.refused} refused, ${counts.late} late`,
  };
}

/** Ten percent of it is the amount, rounded: the last digit makes the rounding matter. */
export const totalFor = (amount: number): number => (amount * 10 - (amount % 6)) / 100;

export const cents = (amount: number): number => Math.round(amount * 100);

// -- what is used and held ------------------------------------------------------------------------

interface Usage {
  readonly uses: number;
  readonly held: number;
  readonly money: number;
  readonly moneyHeld: number;
}

async function usageOf(api: Api, code: Code): Promise<Usage> {
  const reply = await api.call('GET', `/coupons/code/${code}`);
  if (reply.status !== 200) throw unexpected('a promotion', reply);
  const { usageCount, heldCount, budgetUsed, budgetHeld } = reply.body;
  return { uses: usageCount, held: heldCount, money: cents(budgetUsed), moneyHeld: cents(budgetHeld) };
}

interface Watch {
  /** Samples until `stop` is called, or until the server can't be reached. */
  run(api: Api): Promise<void>;
  stop(): void;
  readonly faults: string[];
  report(): Pick<CrowdReport, 'samples' | 'mostUses' | 'mostMoney' | 'faults'>;
}

function createWatch({ cap, budget }: CartsOptions): Watch {
  const most = { uses: 0, money: 0 };
  const faults: string[] = [];
  let samples = 0;
  let isStopped = false;

  function take(capped: Usage, budgeted: Usage): void {
    samples++;
    const uses = capped.uses + capped.held;
    const money = budgeted.money + budgeted.moneyHeld;
    if (uses > cap) faults.push(`${capped.uses} used and ${capped.held} held of ${cap}`);
    if (money > budget) faults.push(`${budgeted.money} cents used and ${budgeted.moneyHeld} held of ${budget}`);
    most.uses = Math.max(most.uses, uses);
    most.money = Math.max(most.money, money);
  }

  return {
    faults,
    async run(api) {
      isStopped = false;
      while (!isStopped) {
        const both = await Promise.all([usageOf(api, CAPPED), usageOf(api, BUDGETED)]).catch(() => null);
        // It was killed.
        if (both === null) return;
        take(...both);
        await pause(SAMPLE_MS);
      }
    },
    stop() {
      isStopped = true;
    },
    report: () => ({ samples, mostUses: most.uses, mostMoney: most.money, faults }),
  };
}

/**
 * Those that never came back lose their holds. What was committed is used, and nothing else; then
 * the rest is used, and there is nothing more.
 */
async function finish(api: Api, options: CartsOptions, crowd: Crowd, { faults }: Watch): Promise<void> {
  const { cap, budget, say } = options;
  const expect = (what: string, value: unknown, expected: unknown): void => {
    if (value !== expected) faults.push(`${what}: ${value}, not ${expected}`);
  };
  say(`all carts are served: ${crowd.summary()}`);
  for (const code of [CAPPED, BUDGETED] as const) {
    let usage = await usageOf(api, code);
    while (usage.held > 0) {
      await pause(50);
      usage = await usageOf(api, code);
    }
    const { count, money } = crowd.committed(code);
    expect(`uses of ${code}`, usage.uses, count);
    expect(`cents of ${code}`, usage.money, money);
    expect(`cents that ${code} holds`, usage.moneyHeld, 0);
  }
  const usesLeft = cap - crowd.committed(CAPPED).count;
  for (let left = usesLeft; left > 0; left--) expect('a use that is left', await crowd.take(api, CAPPED, 100), null);
  expect('a use more', await crowd.take(api, CAPPED, 100), 'Coupon usage limit exceeded');
  const moneyLeft = budget - crowd.committed(BUDGETED).money;
  if (moneyLeft > 0) {
    expect('a cent more than is left', await crowd.take(api, BUDGETED, moneyLeft + 1), 'Coupon budget exhausted');
    expect('all that is left', await crowd.take(api, BUDGETED, moneyLeft), null);
  }
  expect('a cent more', await crowd.take(api, BUDGETED, 1), 'Coupon budget exhausted');
  expect('uses at the end', (await usageOf(api, CAPPED)).uses, cap);
  expect('cents at the end', (await usageOf(api, BUDGETED)).money, budget);
  say(`after the holds had ended: ${usesLeft} uses and ${moneyLeft} cents were left, and were used`);
}
