/**
 * What the domain costs by itself: nanoseconds a command, decided and applied, and bytes a code.
 *
 *     node --import tsx test/domain/domain-bench.ts [codes]
 *
 * Run by hand. Each kind is measured in rounds, in CPU time of the process, so that a busy machine disturbs it less; the
 * median round counts.
 */
import { randomFillSync } from 'node:crypto';
import { apply } from '../../src/domain/apply.js';
import type { Command } from '../../src/domain/command.js';
import { decide } from '../../src/domain/decide.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { ShardState } from '../../src/domain/state.js';
import { BOOK, lock, OPTIONS, redeem, SETTINGS } from './shard.js';

const CODES = Number(process.argv[2] ?? 1_000_000);
const USED = Math.min(CODES / 4, 200_000);
const ROUNDS = 8;
const PER_ROUND = USED / ROUNDS;

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

const state = new ShardState({
  ...OPTIONS,
  lockTtlMs: 600_000,
  idempotencyTtlMs: 86_400_000,
  idempotencyBytesMax: 2 ** 31,
});
let nowMs = Date.UTC(2026, 0, 1);

function run(command: Command, key: string | null = null, fingerprint = 0): Outcome {
  const origin = {
    caller: 'service@shop',
    requestId: 'request',
    idempotency: key === null ? null : { key, fingerprint },
  };
  const verdict = decide(state, command, origin, nowMs, random);
  if (verdict.kind !== 'change') throw new Error(JSON.stringify(verdict));
  apply(state, verdict.change);
  return verdict.outcome;
}

function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

/** Median nanoseconds of `what`, which is called for 0 .. USED - 1. */
function measure(name: string, what: (n: number) => void): void {
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const begun = cpuNs();
    for (let n = round * PER_ROUND; n < (round + 1) * PER_ROUND; n++) what(n);
    rounds.push((cpuNs() - begun) / PER_ROUND);
    nowMs += 10;
  }
  rounds.sort((a, b) => a - b);
  console.log(`${name.padEnd(18)} ${(rounds[ROUNDS / 2] ?? 0).toFixed(0).padStart(6)} ns`);
}

const settings = { ...SETTINGS, redeemableBy: 'bearer' } as const;
run({ kind: 'createBook', bookId: BOOK, settings, codes: null });
const alphabet = Buffer.from('ABCDEFGHJKLMNPQRSTUVWXYZ23456789');
const code = Buffer.from('0000-0000-0000-0000');
const begun = cpuNs();
state.stage(1, CODES);
for (let n = 0; n < CODES; n++) {
  for (let at = 0; at < code.length; at++) if (at % 5 !== 4) code[at] = alphabet[random.uint32() & 31] as number;
  state.stageCode(1, n, code, 0, code.length);
}
state.completeStage(1);
run({ kind: 'addCodes', bookId: BOOK, codes: { batchId: 1, size: CODES, count: CODES, report: {} } });
console.log(`load               ${((cpuNs() - begun) / CODES).toFixed(0).padStart(6)} ns a code`);
console.log(`waiting            ${(state.bytes() / CODES).toFixed(1).padStart(6)} bytes a code`);

const held: { code: string; userId: string }[] = [];
// Through a buffer, so that they are flat, as they are when they come out of a message.
const flat = (text: string): string => Buffer.from(text).toString();
const users = Array.from({ length: 2 * USED }, (_, n) => flat(`customer-${(n * 7919).toString(36)}`));
const orderKeys = users.map((_, n) => flat(`018f2f3c-7a1e-7d35-9c55-${String(n).padStart(12, '0')}`));
const at = (n: number) => held[n] as (typeof held)[number];
const before = state.bytes();
measure('assign', (n) => {
  const outcome = run({ kind: 'assignRandom', bookId: BOOK, userId: users[n] as string });
  if (outcome.kind === 'assigned') held.push(outcome);
});
measure('lock', (n) => void run(lock(at(n).code, at(n).userId)));
measure('redeem', (n) => void run(redeem(at(n).code, at(n).userId)));
console.log(
  `used               ${((state.bytes() - before) / USED + before / CODES).toFixed(1).padStart(6)} bytes a code`,
);

held.length = 0;
measure('assign with key', (n) => {
  const outcome = run(
    { kind: 'assignRandom', bookId: BOOK, userId: users[USED + n] as string },
    `order-1000-0000-${n}`,
    n,
  );
  if (outcome.kind === 'assigned') held.push(outcome);
});
const unkeyed = state.remembered.bytes;
measure('redeem with key', (n) => void run(redeem(at(n).code, at(n).userId), orderKeys[USED + n] as string, n));
console.log(`remembered         ${((state.remembered.bytes - unkeyed) / USED).toFixed(1).padStart(6)} bytes a key`);
