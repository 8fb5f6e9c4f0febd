/**
 * Many reservations of a whole campaign against few uses, with kills in between. Each names two
 * promotions and a unique code: one promotion has a cap, the other one a budget, and the book of
 * the code carries a discount. It holds all three or none, so at no moment may one have a use or a
 * hold that another has not. Half of the callers pay, the others never come back. When their holds
 * have ended, the rest can be used, to the last use or cent.
 *
 * Amounts are in cents here, so that sums are exact.
 */
import { look, pause, unexpected } from '../crash/party.js';
import { type Api, connect, type Reply } from '../support/api.js';
import { type Environment, startServer } from '../support/server.js';
import { createUniqueCodes, type UniqueCodes } from './campaign-codes.js';
import { BUDGETED, CAMPAIGN, CAPPED, type Crowd, type CrowdOptions, createCrowd } from './campaign-crowd.js';
import { cents } from './carts.js';
import type { CrowdReport } from './command-line.js';

export interface CampaignsOptions extends CrowdOptions {
  readonly dataDir: string;
  readonly env?: Environment;
  readonly cap: number;
  readonly budget: number;
  readonly kills: number;
  readonly say: (line: string) => void;
}

const SAMPLE_MS = 10;
/** Of what the goods cost: each of the three discounts. */
const PERCENT = 10;

interface Usage {
  readonly uses: number;
  readonly held: number;
  readonly money: number;
  readonly moneyHeld: number;
}

export async function campaigns(options: CampaignsOptions): Promise<CrowdReport> {
  const { dataDir, env = {}, kills, callers, cap, say } = options;
  let server = await startServer(dataDir, env);
  let api = await connect(server.url, { sockets: callers + 4 });
  await createPromotions(api, options);
  // Some callers more find what is left when the holds have ended.
  const sharers = options.reservations;
  const shared = { campaignId: CAMPAIGN, sharers, callers: sharers + cap + 1, percent: PERCENT };
  const codes = await createUniqueCodes(api, shared);
  const crowd = createCrowd(options, codes);
  const watch = createWatch(options, codes, crowd);
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
  await finish(api, options, codes, crowd, watch.faults);
  api.close();
  const code = await server.stop();
  if (code !== 0) throw new Error(`the server stopped with ${code}:\n${server.output()}`);
  const { reserved, refused, late } = crowd.counts;
  return { reserved, refused, late, committed: crowd.committed().length, ...watch.report() };
}

async function createPromotions(api: Api, { cap, budget }: CampaignsOptions): Promise<void> {
  const settings = { type: 'percentage', discount: PERCENT, couponFor: 'product', campaignId: CAMPAIGN };
  // Of the goods' full price: what the other one takes makes no difference.
  const budgeted = { code: BUDGETED, budget: budget / 100, stacking: { base: 'original' }, ...settings };
  for (const promotion of [{ code: CAPPED, maxUsage: cap, ...settings }, budgeted]) {
    const reply = await api.call('POST', '/coupons', promotion);
    if (reply.status !== 201) throw unexpected('a promotion', reply);
  }
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
  report(): Pick<CrowdReport, 'samples' | 'mostUses' | 'mostMoney' | 'faults'>;
}

/** The campaign does not show its books, so a book is read between two reads of the promotions. */
function createWatch({ cap, budget }: CampaignsOptions, codes: UniqueCodes, crowd: Crowd): Watch {
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

  async function sample(api: Api): Promise<void> {
    const before = await usagesOf(api);
    const book = await codes.usage(api);
    const after = await usagesOf(api);
    take(before);
    take(after);
    const isBetween = before.capped.uses <= book.uses && book.uses <= after.capped.uses;
    if (!isBetween || book.uses !== book.redemptions || book.held !== book.locked)
      faults.push(`the book has ${JSON.stringify({ before, book, after })}`);
  }

  async function repeat(sampleOnce: () => Promise<void>): Promise<void> {
    while (!isStopped) {
      try {
        await sampleOnce();
      } catch (error) {
        // It was killed.
        if (error instanceof Error && 'code' in error) return;
        throw error;
      }
      await pause(SAMPLE_MS);
    }
  }

  return {
    faults,
    async run(api) {
      isStopped = false;
      await Promise.all([repeat(() => sample(api)), repeat(() => crowd.sample(api, faults))]);
    },
    stop() {
      isStopped = true;
    },
    report: () => ({ samples, mostUses: most.uses, mostMoney: most.money, faults }),
  };
}

/** What was paid is used, and nothing else. The rest can be used, and then nothing is held. */
async function finish(
  api: Api,
  options: CampaignsOptions,
  codes: UniqueCodes,
  crowd: Crowd,
  faults: string[],
): Promise<void> {
  const { cap, budget, say } = options;
  const expect = (what: string, value: unknown, expected: unknown): void => {
    if (value !== expected) faults.push(`${what}: ${value}, not ${expected}`);
  };
  say(`all are served: ${crowd.summary()}`);
  while ((await usagesOf(api)).capped.held > 0) await pause(50);
  await crowd.verify(api, faults);
  const expectPaid = async (): Promise<void> => {
    const { capped, budgeted } = await usagesOf(api);
    const book = await codes.usage(api);
    const paid = crowd.committed();
    for (const { uses, held } of [capped, budgeted, book]) {
      expect('uses', uses, paid.length);
      expect('holds', held, 0);
    }
    const sum = paid.reduce((cents, { amount }) => cents + amount, 0);
    for (const { money, moneyHeld } of [budgeted, book]) {
      expect('cents', money, sum);
      expect('cents that are held', moneyHeld, 0);
    }
    expect('redemptions', book.redemptions, paid.length);
    expect('codes that are locked', book.locked, 0);
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
  await crowd.verify(api, faults);
  say(`after the holds had ended: ${left} more were reserved and paid, and one more was refused`);
}
