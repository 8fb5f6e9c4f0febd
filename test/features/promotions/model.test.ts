/**
 * The rules of promotions against a naive model: generated sequences of commands and passing time,
 * in which a few users fight over a few promotions. After every step the counts, the money and the
 * answers must be those of the model, and no limit may be exceeded. At the end the same changes,
 * and a snapshot, must give the same state. A digest that is taken meanwhile must be that of its
 * moment.
 *
 * A failure prints the seed and the path of its shortest form: set them as `FC_SEED` and `FC_PATH`
 * to run it again; `FC_RUNS` sets how many sequences are tried.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Verdict } from '../../../src/domain/decide.js';
import type { Change } from '../../../src/domain/event.js';
import { DigestWalk, digest, reportOf } from '../../../src/features/digest.js';
import { factsOf } from '../../../src/features/facts.js';
import { loadCheckpoint } from '../../../src/features/load.js';
import { loadPromotion, loadReservation } from '../../../src/features/promotions/load.js';
import { ShardState } from '../../../src/features/shard-state.js';
import type { Cart, PromotionPlan, PromotionSettings } from '../../../src/records/promotions.js';
import { OPTIONS, openShard, outcomeOf, reasonOf, replay, START, type TestShard } from '../shard.js';
import { cartOf, line, totalOf } from './offers.js';
import { type Entry, type ModelPromotion, PromotionModel, periodOf } from './promotion-model.js';
import {
  addPromotion,
  archivePromotion,
  cartFor,
  commit,
  eventsOf,
  giveBack,
  messageOf,
  NO_PLAN,
  patch,
  pricedIn,
  release,
  renew,
  reservation,
  use,
} from './promotion-shard.js';

const CODES = ['ONE', 'TWO', 'SIX'];
const USERS = [null, 'ann', 'bob'];
const CARTS: readonly Cart[] = [cartOf([line('mug', 7, 3), line('cup', 5, 2), line('mug', 3)]), totalOf(34)];
const PERIODS: PromotionPlan = {
  windows: null,
  periods: Array.from({ length: 2000 }, (_, number) => START + number * 20),
  untilMs: START + 2000 * 20,
};

/** The more often one is here, the more often it is taken. */
const STEPS = [
  ...(['reserve', 'reserve', 'reserve', 'reserve', 'reserve', 'commitReservation', 'commitReservation'] as const),
  ...(['releaseReservation', 'renewReservation', 'rollbackReservation', 'rollbackReservation'] as const),
  ...(['usePromotion', 'usePromotion', 'createPromotion', 'updatePromotion', 'archivePromotion', 'wait'] as const),
];

interface Limits extends Pick<PromotionSettings, 'discount' | 'maxUsage' | 'maxUsagePerUser' | 'budget' | 'isActive'> {
  readonly perPeriod: number | null;
}

/** Small numbers stand for what is there when the step is taken. */
interface Plan {
  readonly what: (typeof STEPS)[number];
  readonly promotion: number;
  readonly second: number | null;
  readonly user: number;
  readonly caller: string;
  readonly cartId: string | null;
  readonly entry: number;
  readonly number: number;
  readonly limits: Limits;
  readonly wait: number;
}

const often = <T>(value: T, rare: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ arbitrary: fc.constant(value), weight: 3 }, { arbitrary: rare, weight: 1 });

const limits: fc.Arbitrary<Limits> = fc.record({
  discount: fc.nat(15),
  maxUsage: fc.option(fc.integer({ min: 1, max: 4 })),
  maxUsagePerUser: fc.option(fc.integer({ min: 1, max: 2 })),
  perPeriod: fc.option(fc.integer({ min: 1, max: 2 })),
  budget: fc.option(fc.nat(40)),
  isActive: often(true, fc.boolean()),
});

const plan: fc.Arbitrary<Plan> = fc.record({
  what: fc.constantFrom(...STEPS),
  promotion: fc.nat(2),
  second: fc.option(fc.nat(2), { freq: 2 }),
  user: fc.nat(2),
  caller: often('shop', fc.constantFrom('till')),
  cartId: fc.constantFrom(null, 'cart', 'cart', 'other'),
  entry: fc.nat(4),
  number: fc.nat(9),
  limits,
  wait: fc.oneof(fc.constant(0), fc.nat(12)),
});

test('counts, money and answers are those of the naive model, no limit is exceeded, and all copies are the same', () => {
  const { FC_SEED, FC_PATH, FC_RUNS } = process.env;
  fc.assert(
    fc.property(fc.array(plan, { size: 'max', maxLength: 120 }), (plans) => runBoth(plans)),
    {
      numRuns: Number(FC_RUNS ?? 100),
      ...(FC_SEED === undefined ? {} : { seed: Number(FC_SEED) }),
      ...(FC_PATH === undefined ? {} : { path: FC_PATH }),
    },
  );
});

function runBoth(plans: readonly Plan[]): void {
  const shard = openShard({}, plans.length);
  const model = new PromotionModel();
  for (const [number, step] of plans.slice(0, 2).entries())
    create(shard, model, { ...step, what: 'createPromotion', promotion: number });
  let walking: { readonly walk: DigestWalk; readonly expected: string } | null = null;
  for (const step of plans) {
    shard.nowMs += step.wait;
    expireBoth(shard, model);
    take(shard, model, step);
    compare(shard, model);
    if (walking === null) walking = startWalk(shard);
    else if (walking.walk.step(1)) walking = endWalk(shard, walking);
  }
  if (walking !== null) {
    walking.walk.step(Number.POSITIVE_INFINITY);
    endWalk(shard, walking);
  }
  checkCopies(shard, model);
}

// ─── A step ─────────────────────────────────────────────────────────────────────────────────────────────────────

function take(shard: TestShard, model: PromotionModel, step: Plan): void {
  const { what } = step;
  const promotion = model.promotions.at(-1 - step.promotion);
  const entry = model.entries.at(-1 - step.entry);
  if (what === 'createPromotion') create(shard, model, step);
  else if (what === 'reserve') reserveBoth(shard, model, step);
  else if (what === 'usePromotion') useBoth(shard, model, step);
  else if (what === 'updatePromotion' && promotion !== undefined) change(shard, promotion, step);
  else if (what === 'archivePromotion' && promotion !== undefined) archive(shard, promotion);
  else if (entry !== undefined) takeOfEntry(shard, model, entry, step);
}

function takeOfEntry(shard: TestShard, model: PromotionModel, entry: Entry, step: Plan): void {
  const { what } = step;
  if (what === 'commitReservation') commitBoth(shard, model, entry, step);
  else if (what === 'releaseReservation') releaseBoth(shard, model, entry);
  else if (what === 'renewReservation') renewBoth(shard, model, entry, step);
  else if (what === 'rollbackReservation') rollbackBoth(shard, model, entry, step);
}

function settingsIn({ limits: { perPeriod, ...others } }: Plan, hadPeriods: boolean) {
  const maxUsagePerPeriod = perPeriod === null ? null : ({ count: perPeriod, period: 'day' } as const);
  // Once counted by period, it stays so: a limit that comes later does not know earlier uses.
  const given = { ...others, type: 'fixed' as const, maxUsagePerPeriod };
  return { given, plan: maxUsagePerPeriod === null && !hadPeriods ? NO_PLAN : PERIODS };
}

function create(shard: TestShard, model: PromotionModel, step: Plan): void {
  const isAutomatic = step.number === 0;
  const code = isAutomatic ? null : (CODES[step.promotion] ?? null);
  // The store gives a code once; it is free when its promotion is archived and nothing is held.
  const isTaken = model.promotions.some((one) => code !== null && one.code === code && model.timesFreed(one) === 0);
  if (isTaken || model.promotions.length === 8) return;
  const { given, plan: periods } = settingsIn(step, false);
  const id = addPromotion(shard, { ...given, code, automatic: isAutomatic }, periods);
  const { settings } = shard.state.promotions.promotionOf(id).current;
  model.promotions.push({ id, code, settings, plan: periods, version: 1, isArchived: false });
}

function change(shard: TestShard, promotion: ModelPromotion, step: Plan): void {
  const { given, plan: periods } = settingsIn(step, promotion.plan.periods !== null);
  const verdict = patch(shard, promotion.id, given, periods);
  assert.equal(reasonOf(verdict), promotion.isArchived ? 'promotionNotFound' : null);
  if (promotion.isArchived) return;
  const { current } = shard.state.promotions.promotionOf(promotion.id);
  Object.assign(promotion, {
    settings: { ...current.settings, ...given },
    plan: periods,
    version: promotion.version + 1,
  });
  assert.equal(current.version, promotion.version);
}

function archive(shard: TestShard, promotion: ModelPromotion): void {
  assert.equal(reasonOf(shard.run(archivePromotion(promotion.id))), promotion.isArchived ? 'promotionNotFound' : null);
  promotion.isArchived = true;
}

function reserveBoth(shard: TestShard, model: PromotionModel, step: Plan): void {
  const { promotion, second, caller, cartId, number } = step;
  const codes = number === 9 ? [] : [promotion, ...(second === null ? [] : [second])].map((at) => CODES[at] ?? '');
  const userId = USERS[step.user] ?? null;
  const cart = CARTS[number % 2] ?? assert.fail();
  const ttlMs = 1 + step.number * 5;
  const wanted = { codes, total: cart.total, userId, caller, cartId };
  const expected = model.price(wanted, shard.nowMs);
  const before = model.heldFor(wanted);
  const request = cartFor({ codes, cart, userId });
  const verdict = shard.run({ kind: 'reserve', request, caller, cartId, ttlMs });
  if (!('taken' in expected)) {
    if ('refusal' in expected) assert.equal(reasonOf(verdict), expected.refusal);
    else assert.equal(messageOf(verdict), expected.message);
    return;
  }
  const outcome = outcomeOf(verdict);
  assert(outcome.kind === 'reserved');
  assert.deepEqual(
    pricedIn(outcome.quote).applied.map(({ promotionId, amount }) => ({ promotionId, amount })),
    expected.taken,
  );
  const { holds } = reservation(shard, outcome.reservationId).cart;
  for (const { promotionId, amount, periodMs, lines } of holds) {
    const { plan: periods } = model.promotions.find(({ id }) => id === promotionId) ?? assert.fail();
    assert.equal(periodMs, periodOf(periods, shard.nowMs));
    if (cart.lines !== null)
      assert.equal(
        lines.reduce((sum, one) => sum + one.amount, 0),
        amount,
      );
  }
  const lines = cart.lines?.map(({ productId, quantity }) => ({ productId, quantity })) ?? null;
  const untilMs = shard.nowMs + ttlMs;
  if (before !== undefined) {
    assert.equal(outcome.reservationId, before.reservationId, 'the same cart keeps its reservation');
    model.replace(before, { holds, lines, untilMs });
    return;
  }
  const { reservationId } = outcome;
  assert(
    model.entries.every((one) => one.reservationId !== reservationId),
    'the id is new',
  );
  const status = 'held';
  model.entries.push({
    reservationId,
    userId,
    caller,
    cartId,
    untilMs,
    orderId: null,
    status,
    holds,
    lines,
    back: null,
  });
}

function useBoth(shard: TestShard, model: PromotionModel, step: Plan): void {
  const code = CODES[step.promotion] ?? '';
  const userId = USERS[step.user] ?? null;
  const amount = step.number === 9 ? null : step.number;
  const expected = model.refusalOfUse(code, userId, amount, shard.nowMs);
  const asked = { code, ...(userId === null ? {} : { userId }), ...(amount === null ? {} : { amount }) };
  const verdict = shard.run(use(asked));
  if (expected !== null) {
    assert.equal([reasonOf(verdict), messageOf(verdict)].includes(expected), true, `${expected}: ${said(verdict)}`);
    return;
  }
  assert.equal(verdict.kind, 'change', said(verdict));
  const { reservationId, cart } = eventsOf(shard, 'reservationMade').at(-1) ?? assert.fail();
  const { holds } = cart;
  assert.deepEqual([holds.length, holds[0]?.amount], [1, amount ?? 0]);
  model.entries.push({
    reservationId,
    userId,
    caller: 'shop',
    cartId: null,
    untilMs: null,
    orderId: null,
    status: 'committed',
    holds,
    lines: null,
    back: null,
  });
}

function commitBoth(shard: TestShard, model: PromotionModel, entry: Entry, { number }: Plan): void {
  const orderId = number < 5 ? null : `order-${number % 2}`;
  const verdict = shard.run(commit(entry.reservationId, orderId));
  if (entry.status === 'committed' && (orderId === null || orderId === entry.orderId))
    assert.equal(verdict.kind, 'unchanged');
  else if (expectHeld(entry, verdict)) model.replace(entry, { status: 'committed', orderId });
}

function releaseBoth(shard: TestShard, model: PromotionModel, entry: Entry): void {
  const verdict = shard.run(release(entry.reservationId));
  if (entry.status === 'released') assert.equal(verdict.kind, 'unchanged');
  else if (expectHeld(entry, verdict)) model.replace(entry, { status: 'released' });
}

function renewBoth(shard: TestShard, model: PromotionModel, entry: Entry, { number }: Plan): void {
  const ttlMs = 1 + number * 5;
  if (expectHeld(entry, shard.run(renew(entry.reservationId, ttlMs))))
    // It never ends earlier than it would have.
    model.replace(entry, { untilMs: Math.max(entry.untilMs ?? 0, shard.nowMs + ttlMs) });
}

/** Whether it was held, as it had to be. */
function expectHeld({ status }: Entry, verdict: Verdict): boolean {
  const expected = status === 'held' ? null : status === 'expired' ? 'reservationOver' : 'reservationSettled';
  assert.equal(reasonOf(verdict), expected);
  return expected === null;
}

function rollbackBoth(shard: TestShard, model: PromotionModel, entry: Entry, { number }: Plan): void {
  const productId = number % 2 === 0 ? 'mug' : 'cup';
  const asked = number === 0 ? null : [{ productId, quantity: 1 + (number % 3) }];
  const verdict = shard.run(giveBack(entry.reservationId, asked));
  const whole = entry.lines?.map(({ quantity }) => quantity) ?? null;
  const back = asked === null ? whole : model.backAfter(entry, asked);
  if (entry.status !== 'committed') assert.equal(reasonOf(verdict), 'reservationSettled');
  else if (asked !== null && back === null) assert.equal(reasonOf(verdict), 'linesNotReserved');
  else {
    assert.equal(verdict.kind, 'change', said(verdict));
    const isWhole = asked === null || back?.every((quantity, at) => quantity === whole?.[at]) === true;
    model.replace(entry, { back, status: isWhole ? 'rolledBack' : 'committed' });
  }
}

const said = (verdict: Verdict): string => JSON.stringify(verdict);

function expireBoth(shard: TestShard, model: PromotionModel): void {
  const before = eventsOf(shard, 'reservationExpired').length;
  shard.sweep();
  const expired = eventsOf(shard, 'reservationExpired').slice(before);
  assert.deepEqual(expired.map(({ reservationId }) => reservationId).toSorted(), model.expire(shard.nowMs).toSorted());
}

// ─── What must hold after every step ────────────────────────────────────────────────────────────────────────────

function compare(shard: TestShard, model: PromotionModel): void {
  const freed = eventsOf(shard, 'codeFreed');
  for (const promotion of model.promotions) {
    const state = shard.state.promotions.promotionOf(promotion.id);
    const { uses, held, spent, heldAmount, byUser, byPeriod } = state;
    const real = { uses, held, spent, heldAmount };
    assert.deepEqual(
      { ...real, byUser: Object.fromEntries(byUser), byPeriod: Object.fromEntries(byPeriod) },
      model.counts(promotion),
    );
    assert.equal(
      freed.filter(({ batchId }) => batchId === state.current.batchId).length,
      model.timesFreed(promotion),
      'a code is freed once, when its promotion is archived and nothing is held',
    );
    assert.deepEqual(
      shard.state.promotions.byCode(promotion.code ?? '')?.current.id,
      model.byCode(promotion.code ?? '')?.id,
    );
  }
  const entries = model.entries.map(({ reservationId }) => shard.state.promotions.reservationOf(reservationId));
  assert.deepEqual(entries.map(inWords), model.entries.map(inWords));
  checkLimits(shard);
}

const inWords = ({ status, untilMs, orderId }: Pick<Entry, 'status' | 'untilMs' | 'orderId'>): string =>
  `${status} until ${untilMs} for ${orderId}`;

/**
 * Asked of the state alone. A limit may be exceeded only by what was there when a change lowered
 * it, so a change that adds a use or a hold must leave it within the limits.
 */
function checkLimits(shard: TestShard): void {
  const made = shard.changes.at(-1)?.events.find((event) => event.kind === 'reservationMade');
  if (made?.kind !== 'reservationMade') return;
  for (const { promotionId, periodMs } of made.cart.holds) {
    const { current, uses, held, spent, heldAmount, byUser, byPeriod } =
      shard.state.promotions.promotionOf(promotionId);
    const { maxUsage, maxUsagePerUser, maxUsagePerPeriod, budget } = current.settings;
    assert(uses + held <= (maxUsage ?? Number.POSITIVE_INFINITY), 'maxUsage');
    assert(spent + heldAmount <= (budget ?? Number.POSITIVE_INFINITY) || amountsAreZero(made), 'budget');
    const userCount = byUser.get(made.userId ?? '') ?? 0;
    assert(userCount <= (maxUsagePerUser ?? Number.POSITIVE_INFINITY), 'maxUsagePerUser');
    const periodCount = periodMs === null ? 0 : (byPeriod.get(periodMs) ?? 0);
    assert(periodCount <= (maxUsagePerPeriod?.count ?? Number.POSITIVE_INFINITY), 'maxUsagePerPeriod');
  }
}

/** A use of nothing may be counted, although a lowered budget is exceeded already. */
const amountsAreZero = ({
  cart,
  untilMs,
}: {
  readonly cart: Pick<Entry, 'holds'>;
  readonly untilMs: number | null;
}): boolean => untilMs === null && cart.holds.every(({ amount }) => amount === 0);

// ─── The same state by other ways ───────────────────────────────────────────────────────────────────────────────

function startWalk({ state, nowMs }: TestShard) {
  const walking = { walk: new DigestWalk(state, nowMs), expected: digest(state, nowMs) };
  state.promotions.observer = walking.walk;
  return walking;
}

function endWalk({ state }: TestShard, { walk, expected }: NonNullable<ReturnType<typeof startWalk>>): null {
  state.promotions.observer = null;
  assert.equal(walk.report().digest, expected, 'a digest is that of the moment at which it began');
  return null;
}

function checkCopies(shard: TestShard, model: PromotionModel): void {
  const parsed = JSON.parse(JSON.stringify(shard.changes)) as Change[];
  const copies = { replayed: replay(shard.changes, shard.batches), parsed: replay(parsed, shard.batches) };
  const reloaded = reload(shard);
  for (const [name, copy] of Object.entries({ ...copies, reloaded })) {
    assert.deepEqual(facts(copy, shard.nowMs), facts(shard.state, shard.nowMs), name);
    assert.equal(digest(copy, shard.nowMs), digest(shard.state, shard.nowMs), name);
    compare({ ...shard, state: copy }, model);
    const { deadlines } = shard.state.promotions;
    assert.equal(copy.promotions.deadlines.count, deadlines.count, name);
    assert.equal(copy.promotions.deadlines.first()?.untilMs, deadlines.first()?.untilMs, name);
  }
}

/** By the rows of a snapshot. */
function reload({ state }: TestShard): ShardState {
  const copy = new ShardState(OPTIONS);
  loadCheckpoint(copy, state.seq, 0);
  const { all, reservations } = state.promotions;
  for (const { current } of all) loadPromotion(copy.promotions, JSON.parse(JSON.stringify(current)));
  for (const { number: _number, place: _place, ...row } of reservations)
    loadReservation(copy.promotions, JSON.parse(JSON.stringify(row)));
  return copy;
}

const facts = (state: ShardState, nowMs: number) =>
  reportOf(state, nowMs).parts.flatMap((part) => factsOf(state, part));
