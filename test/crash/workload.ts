/**
 * Callers that record their answers. Each caller owns its users, so that it knows what its next
 * answer must be; each command carries an idempotency key, so that after a crash the same command
 * is sent again and either had happened, wholly, or happens now.
 *
 *     assign ─▶ lock ─▶ redeem ─▶ (sometimes) rollback ─▶ redeem again ─▶ next code
 *          └▶ (sometimes) unlock, unassign
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { Api, Reply } from '../support/api.js';

interface Step {
  readonly name: string;
  readonly path: string;
  readonly body: Record<string, unknown>;
}

/** What the caller was told of a code, in order. */
export interface Told {
  readonly code: string;
  readonly userId: string;
  readonly events: { readonly event: string; readonly commitSeq: string }[];
  status: 'available' | 'assigned' | 'locked' | 'redeemed';
  redemptions: number;
}

export interface Caller {
  /** Goes on until `stop` is called or the server can't be reached. */
  run(api: Api): Promise<void>;
  stop(): void;
  readonly told: readonly Told[];
  readonly answered: () => number;
  /** The command whose answer never came, if there is one. */
  readonly unknown: () => string | null;
}

const EVENT_OF: Readonly<Record<string, string>> = {
  assign: 'coupon.assigned',
  lock: 'coupon.locked',
  unlock: 'coupon.unlocked',
  redeem: 'coupon.redeemed',
  rollback: 'coupon.rolled_back',
  unassign: 'coupon.unassigned',
};

export function createCaller(bookId: string, callerName: string): Caller {
  // Another user for each code: a code that came back to the pool and out again is then told apart.
  let userId = `${callerName}.0`;
  const told: Told[] = [];
  let pending: { readonly step: Step; readonly key: string } | null = null;
  let current: Told | null = null;
  let redemptionId: string | null = null;
  let plan: string[] = [];
  let answered = 0;
  let stopped = false;

  function nextStep(): Step {
    if (current === null || plan.length === 0) {
      plan = somePlan();
      userId = `${callerName}.${told.length}`;
      return { name: 'assign', path: '/coupons/assign', body: { couponBookId: bookId, userId } };
    }
    const name = plan[0] as string;
    const path = `/coupons/${current.code}/${name}`;
    if (name === 'rollback') return { name, path, body: { redemptionId } };
    if (name === 'unassign') return { name, path, body: {} };
    if (name === 'lock') return { name, path, body: { userId, ttlSeconds: 86_400 } };
    return { name, path, body: { userId } };
  }

  function take(step: Step, reply: Reply): void {
    assert.equal(reply.status, 200, `${step.name} got ${reply.status} ${JSON.stringify(reply.body)}`);
    answered++;
    if (step.name === 'assign') {
      current = { code: reply.body.code, userId, events: [], status: 'assigned', redemptions: 0 };
      told.push(current);
    } else plan.shift();
    assert.ok(current !== null);
    current.events.push({ event: EVENT_OF[step.name] as string, commitSeq: String(reply.headers['commit-seq']) });
    if (step.name === 'lock') current.status = 'locked';
    if (step.name === 'unlock') current.status = current.redemptions > 0 ? 'redeemed' : 'assigned';
    if (step.name === 'unassign') current.status = 'available';
    if (step.name === 'redeem') {
      redemptionId = reply.body.redemptionId;
      current.redemptions++;
      current.status = 'redeemed';
    }
    if (step.name === 'rollback') {
      current.redemptions--;
      current.status = 'assigned';
    }
  }

  return {
    told,
    answered: () => answered,
    unknown: () => pending?.step.name ?? null,
    stop() {
      stopped = true;
    },
    async run(api) {
      stopped = false;
      while (!stopped) {
        pending ??= { step: nextStep(), key: randomUUID() };
        const { step, key } = pending;
        let reply: Reply;
        try {
          reply = await api.call('POST', step.path, step.body, { 'idempotency-key': key });
        } catch {
          return;
        }
        if (reply.status === 503) continue;
        take(step, reply);
        pending = null;
      }
    },
  };
}

const PLANS: readonly (readonly string[])[] = [
  ['lock', 'redeem'],
  ['redeem'],
  ['lock', 'unlock', 'redeem'],
  ['redeem', 'rollback', 'redeem'],
  ['lock', 'redeem', 'rollback', 'unassign'],
  ['unassign'],
];

function somePlan(): string[] {
  return [...(PLANS[Math.floor(Math.random() * PLANS.length)] as readonly string[])];
}
