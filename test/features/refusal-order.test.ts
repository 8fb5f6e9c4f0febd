/**
 * Refusals are checked in a documented order. Each table is that order for one command; a test puts
 * every two of its troubles together and expects the earlier one to be named.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commands } from '../../scripts/generate/declarations.js';
import type { RefusalReason } from '../../src/domain/outcome.js';
import type { BookSettings } from '../../src/records/values.generated.js';
import { commit, discount, lastReservationId, reserve } from './promotions/promotion-shard.js';
import {
  archive,
  assign,
  assignRandom,
  given,
  lastRedemptionId,
  lock,
  reasonOf,
  redeem,
  rollback,
  START,
  type Step,
  unassign,
  unlock,
  update,
} from './shard.js';

interface Trouble {
  readonly reason: RefusalReason;
  /** Taken before the book is changed. */
  readonly steps?: readonly Step[];
  readonly patch?: Partial<BookSettings>;
  readonly archive?: boolean;
  /** Reasons that can't be given together with this one. */
  readonly without?: readonly RefusalReason[];
}

const NOW = START + 100;
const archived: Trouble = { reason: 'bookArchived', archive: true };
const over: Trouble = { reason: 'bookOver', patch: { endMs: NOW } };
const notActive: Trouble = { reason: 'bookNotActive', patch: { isActive: false } };
const notBegun: Trouble = { reason: 'bookNotBegun', patch: { startMs: NOW + 1 }, without: ['bookOver'] };
const closed = [archived, over, notActive, notBegun];
const codesLimit: Trouble = { reason: 'userCodesLimit', patch: { maxCodesPerUser: 0 } };
const redemptionsLimit: Trouble = { reason: 'userRedemptionsLimit', patch: { maxRedemptionsPerUser: 0 } };
const others = { steps: [assign('A-1', 'bob')] };
const othersLocked = { steps: [assign('A-1', 'bob'), lock('A-1', 'bob')] };
const own = [assign('A-1', 'ann')];

interface Order {
  readonly command: string;
  /**
   * What must have happened for the command to succeed, where the troubles have no steps of their
   * own.
   */
  readonly ready: readonly Step[];
  readonly when: Step;
  readonly troubles: readonly Trouble[];
}

const orders: readonly Order[] = [
  {
    command: 'assignRandom',
    ready: [],
    when: assignRandom('ann'),
    troubles: [
      ...closed,
      codesLimit,
      { reason: 'noneAvailable', steps: [assign('A-1', 'bob'), assign('A-2', 'bob'), assign('A-3', 'bob')] },
    ],
  },
  {
    command: 'assignCode',
    ready: [],
    when: assign('A-1', 'ann'),
    troubles: [{ reason: 'assignedToAnother', ...others }, ...closed, codesLimit],
  },
  {
    command: 'lockCode',
    ready: own,
    when: lock('A-1', 'ann'),
    troubles: [
      { reason: 'lockedByAnother', ...othersLocked, without: ['usedUp', 'codeNotFound'] },
      { reason: 'codeNotFound', ...others, without: ['usedUp'] },
      ...closed,
      { reason: 'usedUp', steps: [assign('A-1', 'ann'), redeem('A-1', 'ann')] },
    ],
  },
  {
    command: 'lockCode by a bearer',
    ready: [update({ redeemableBy: 'bearer' })],
    when: lock('A-1', 'ann'),
    troubles: [...closed, codesLimit],
  },
  {
    command: 'unlockCode',
    ready: [assign('A-1', 'ann'), lock('A-1', 'ann')],
    when: unlock('A-1', 'ann'),
    troubles: [
      archived,
      { reason: 'notLocked', steps: own, without: ['lockNotHeld'] },
      { reason: 'lockNotHeld', ...othersLocked },
    ],
  },
  {
    command: 'redeemCode',
    ready: own,
    when: redeem('A-1', 'ann'),
    troubles: [
      { reason: 'lockedByAnother', ...othersLocked, without: ['usedUp', 'codeNotFound'] },
      { reason: 'codeNotFound', ...others, without: ['usedUp'] },
      ...closed,
      { reason: 'usedUp', steps: [assign('A-1', 'ann'), redeem('A-1', 'ann')] },
      { reason: 'lockNotHeld', patch: { requireLock: true } },
      redemptionsLimit,
    ],
  },
  {
    command: 'redeemCode by a bearer',
    ready: [update({ redeemableBy: 'bearer' })],
    when: redeem('A-1', 'ann'),
    troubles: [...closed, { reason: 'lockNotHeld', patch: { requireLock: true } }, codesLimit, redemptionsLimit],
  },
  {
    command: 'rollbackRedemption',
    ready: [assign('A-1', 'ann'), redeem('A-1', 'ann')],
    when: (shard) => rollback('A-1', lastRedemptionId(shard)),
    troubles: [
      {
        reason: 'redemptionNotFound',
        steps: [assign('A-1', 'ann'), assign('A-2', 'ann'), redeem('A-2', 'ann')],
        without: ['alreadyRolledBack'],
      },
      archived,
      {
        reason: 'alreadyRolledBack',
        steps: [assign('A-1', 'ann'), redeem('A-1', 'ann'), (shard) => rollback('A-1', lastRedemptionId(shard))],
      },
      {
        reason: 'redemptionReserved',
        steps: [
          assign('A-1', 'ann'),
          discount({}),
          reserve({ codes: ['A-1'], userId: 'ann' }),
          (shard) => commit(lastReservationId(shard)),
        ],
        without: ['redemptionNotFound', 'alreadyRolledBack'],
      },
    ],
  },
  {
    command: 'unassignCode',
    ready: own,
    when: unassign('A-1'),
    troubles: [
      archived,
      { reason: 'notAssigned', steps: [assign('A-2', 'ann')], without: ['codeLocked', 'codeRedeemed'] },
      {
        reason: 'codeLocked',
        steps: [
          update({ allowMultipleRedemptions: true }),
          assign('A-1', 'ann'),
          redeem('A-1', 'ann'),
          lock('A-1', 'ann'),
        ],
      },
      { reason: 'codeRedeemed', steps: [assign('A-1', 'ann'), redeem('A-1', 'ann')] },
    ],
  },
];

for (const { command, ready, when, troubles } of orders) {
  test(`${command} names its refusals in the documented order`, () => {
    troubles.forEach((first, at) => {
      expect(ready, when, [first], first.reason);
      for (const second of troubles.slice(at + 1)) {
        if (first.without?.includes(second.reason) || second.without?.includes(first.reason)) continue;
        expect(ready, when, [first, second], first.reason);
      }
    });
  });
}

/** Given first to a command that names nothing that exists; the tables leave this out. */
const MISSING: readonly RefusalReason[] = ['codeNotFound', 'bookNotFound'];

test('a command declares the refusals that it can give, in the order in which it checks them', () => {
  const declaredBy = new Map(commands.map(({ kind, refusals }) => [kind, refusals]));
  const seen = new Map<string, Set<RefusalReason>>();
  for (const { command, troubles } of orders) {
    const [kind = ''] = command.split(' ');
    const reasons = troubles.map(({ reason }) => reason).filter((reason) => !MISSING.includes(reason));
    const declared = declaredBy.get(kind) ?? [];
    assert.deepEqual(
      reasons,
      declared.filter((reason) => reasons.includes(reason)),
      command,
    );
    seen.set(kind, new Set([...(seen.get(kind) ?? []), ...reasons]));
  }
  for (const [kind, reasons] of seen) {
    const declared = declaredBy.get(kind) ?? [];
    assert.deepEqual(new Set(declared.filter((reason) => !MISSING.includes(reason))), reasons, kind);
  }
});

function expect(ready: readonly Step[], when: Step, troubles: readonly Trouble[], reason: RefusalReason): void {
  const steps = troubles.find((trouble) => trouble.steps !== undefined)?.steps ?? ready;
  const shard = given({}, [...steps, 100]);
  const patch = Object.assign({}, ...troubles.map((trouble) => trouble.patch ?? {})) as Partial<BookSettings>;
  if (Object.keys(patch).length > 0) assert.equal(shard.run(update(patch)).kind, 'change');
  if (troubles.some((trouble) => trouble.archive === true)) shard.run(archive());
  assert(typeof when !== 'number');
  const verdict = shard.run(typeof when === 'function' ? when(shard) : when);
  assert.equal(reasonOf(verdict), reason, troubles.map((trouble) => trouble.reason).join(' and '));
}
