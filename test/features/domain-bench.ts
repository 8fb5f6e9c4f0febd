/**
 * What the domain costs by itself: nanoseconds a command, decided and applied, and bytes a code.
 *
 *     node --import tsx test/features/domain-bench.ts [codes]
 *
 * Run by hand. Each kind is measured in rounds, in CPU time of the process, so that a busy machine
 * disturbs it less; the median round counts.
 */
import { randomFillSync } from 'node:crypto';
import type { Command } from '../../src/domain/command.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { loadOpenBatch } from '../../src/features/coupons/load.js';
import { apply, decide } from '../../src/features/rules.js';
import { ShardState } from '../../src/features/shard-state.js';
import { BOOK, lock, OPEN_BATCH, OPTIONS, redeem, SETTINGS } from './shard.js';

const ROUNDS = 8;

const dice = new Uint32Array(16_384);
let rolled = dice.length;
const random = {
  uint32() {
    if (rolled === dice.length) {
      randomFillSync(dice);
      rolled = 0;
    }
    return dice[rolled++] as number;
  },
};

// Once in small, so that everything is compiled.
bench(100_000, () => {});
bench(Number(process.argv[2] ?? 1_000_000), (name, value, unit) => {
  console.log(`${name.padEnd(18)} ${value.toFixed(value < 1000 ? 1 : 0).padStart(6)} ${unit}`);
});

function bench(codeCount: number, report: (name: string, value: number, unit: string) => void): void {
  const limits = { lockTtlMs: 600_000, idempotencyTtlMs: 86_400_000, idempotencyBytesMax: 2 ** 31 };
  const state = new ShardState({ ...OPTIONS, ...limits });
  const usedCount = Math.min(codeCount / 4, 200_000);
  let nowMs = Date.UTC(2026, 0, 1);

  function run(command: Command, key: string | null = null, fingerprint = 0): Outcome {
    const idempotency = key === null ? null : { key, fingerprint };
    const verdict = decide(state, command, { caller: 'service@shop', requestId: 'r', idempotency }, nowMs, random);
    if (verdict.kind !== 'change') throw new Error(JSON.stringify(verdict));
    apply(state, verdict.change);
    return verdict.outcome;
  }

  /** `what` is called for 0 .. usedCount - 1. */
  function measure(name: string, what: (n: number) => void): void {
    const perRound = usedCount / ROUNDS;
    const rounds: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const begun = cpuNs();
      for (let n = round * perRound; n < (round + 1) * perRound; n++) what(n);
      rounds.push((cpuNs() - begun) / perRound);
      nowMs += 10;
    }
    rounds.sort((a, b) => a - b);
    report(name, rounds[ROUNDS / 2] ?? 0, 'ns');
  }

  const settings = { ...SETTINGS, redeemableBy: 'bearer' } as const;
  run({ kind: 'createBook', campaignId: null, discount: null, bookId: BOOK, settings, codes: null });
  const begun = cpuNs();
  loadOpenBatch(state.coupons, { ...OPEN_BATCH, batchId: 1 });
  stageRandomCodes(state, codeCount);
  run({ kind: 'addCodes', bookId: BOOK, codes: { batchId: 1, size: codeCount, count: codeCount, report: {} } });
  report('load', (cpuNs() - begun) / codeCount, 'ns a code');
  report('waiting', state.bytes() / codeCount, 'bytes a code');

  let held: { code: string; userId: string }[] = [];
  const at = (n: number) => held[n] as (typeof held)[number];
  // Through a buffer, so that they are flat, as they are when they come out of a message.
  const flat = (text: string): string => Buffer.from(text).toString();
  const users = Array.from({ length: 2 * usedCount }, (_, n) => flat(`customer-${(n * 7919).toString(36)}`));
  const orders = users.map((_, n) => flat(`018f2f3c-7a1e-7d35-9c55-${String(n).padStart(12, '0')}`));

  const redemptionsBefore = state.coupons.redemptions.bytes();
  const usersBefore = state.coupons.users.bytes();
  const before = state.bytes() - usersBefore;
  measure('assign', (n) => {
    const outcome = run({ kind: 'assignRandom', bookId: BOOK, userId: users[n] as string });
    if (outcome.kind === 'assigned') held.push(outcome);
  });
  measure('redeem', (n) => void run(redeem(at(n).code, at(n).userId)));
  const used = state.bytes() - state.coupons.users.bytes() - before;
  report('used', used / usedCount + before / codeCount, 'bytes a code');
  report('redemption', (state.coupons.redemptions.bytes() - redemptionsBefore) / usedCount, 'bytes each, of it');
  report('user', (state.coupons.users.bytes() - usersBefore) / usedCount, 'bytes each');

  held = [];
  measure('assign with key', (n) => {
    const command = { kind: 'assignRandom', bookId: BOOK, userId: users[usedCount + n] as string } as const;
    const outcome = run(command, orders[n], n);
    if (outcome.kind === 'assigned') held.push(outcome);
  });
  measure('redeem with key', (n) => void run(redeem(at(n).code, at(n).userId), orders[usedCount + n], n));
  report('remembered', state.remembered.bytes / (2 * usedCount), 'bytes a key');

  held = [];
  for (let n = 0; n < usedCount; n++) {
    const outcome = run({ kind: 'assignRandom', bookId: BOOK, userId: users[n] as string });
    if (outcome.kind === 'assigned') held.push(outcome);
  }
  measure('lock', (n) => void run(lock(at(n).code, at(n).userId)));
  measure('redeem locked', (n) => void run(redeem(at(n).code, at(n).userId)));
}

function stageRandomCodes(state: ShardState, count: number): void {
  const alphabet = Buffer.from('ABCDEFGHJKLMNPQRSTUVWXYZ23456789');
  const code = Buffer.from('0000-0000-0000-0000');
  state.coupons.stage(1, count);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < code.length; i++) if (i % 5 !== 4) code[i] = alphabet[random.uint32() & 31] as number;
    state.coupons.stageCode(1, n, code, 0, code.length);
  }
  state.coupons.completeStage(1);
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}
