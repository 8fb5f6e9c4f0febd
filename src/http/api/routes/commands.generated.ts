/**
 * The routes of commands that callers send (docs/contract.md, section 5). This is the hot path.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import { z } from 'zod';
import { asBookId } from '../../../domain/ids.js';
import {
  showAssigned,
  showLocked,
  showRedeemed,
  showRolledBack,
  showUnassigned,
  showUnlocked,
} from '../../fast/answers.generated.js';
import { readBookAndUser, readUser } from '../../fast/fast-bodies.js';
import { problemsOf } from '../refusal-problem.js';
import { ADMIN_OR_SERVICE, ANY_ROLE, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';

const assignedOut = schemas.name(
  'Assigned',
  z.strictObject({
    couponBookId: z.string(),
    code: z.string().nullable().describe('null: a dry run draws none'),
    userId: z.string(),
    assignedAt: schemas.timeOut,
  }),
);

const lockedOut = schemas.name(
  'Locked',
  z.strictObject({
    code: z.string(),
    userId: z.string(),
    lockId: z.int(),
    lockedUntil: schemas.timeOut,
  }),
);

const unlockedOut = schemas.name(
  'Unlocked',
  z.strictObject({
    code: z.string(),
    userId: z.string(),
  }),
);

const redeemedOut = schemas.name(
  'Redeemed',
  z.strictObject({
    code: z.string(),
    userId: z.string(),
    redemptionId: z.string().nullable().describe('null: a dry run draws none'),
    redeemedAt: schemas.timeOut,
    redemptionCount: z.int(),
    remaining: z.int().nullable(),
  }),
);

const rolledBackOut = schemas.name(
  'RolledBack',
  z.strictObject({
    code: z.string(),
    redemptionId: z.string(),
    redemptionCount: z.int(),
    remaining: z.int().nullable(),
  }),
);

const unassignedOut = schemas.name(
  'Unassigned',
  z.strictObject({
    couponBookId: z.string(),
    code: z.string(),
  }),
);

const assignRandomIn = schemas.name(
  'AssignInput',
  z.strictObject({
    couponBookId: schemas.bookId,
    userId: schemas.userId,
  }),
);

const assignCodeIn = schemas.name(
  'UserInput',
  z.strictObject({
    userId: schemas.userId,
  }),
);

const lockCodeIn = schemas.name(
  'LockInput',
  z.strictObject({
    userId: schemas.userId,
    ttlSeconds: z.int().min(1).max(86400).optional(),
  }),
);

const unlockCodeIn = schemas.name(
  'UnlockInput',
  z.strictObject({
    userId: schemas.userId,
    lockId: z.int().min(1).describe('The lock that was given; it grows with each new lock').optional(),
  }),
);

const redeemCodeIn = schemas.name(
  'RedeemInput',
  z.strictObject({
    userId: schemas.userId,
    lockId: z.int().min(1).describe('The lock that was given; it grows with each new lock').optional(),
    metadata: schemas.metadata.optional(),
  }),
);

const rollbackRedemptionIn = schemas.name(
  'RollbackInput',
  z.strictObject({
    redemptionId: schemas.redemptionId,
    reason: schemas.line(500).nullable().optional(),
  }),
);

const unassignCodeIn = schemas.name(
  'UnassignInput',
  z.strictObject({
    reason: schemas.line(500).nullable().optional(),
  }),
);

const assignRandom = route({
  id: 'assignRandomCode',
  method: 'POST',
  path: '/api/v1/coupons/assign',
  tag: 'Coupons',
  summary: 'Assign a random available code to a user',
  access: ANY_ROLE,
  ownUser: 'body',
  change: true,
  dryRun: true,
  body: assignRandomIn,
  fastBody: readBookAndUser,
  answers: { 200: { description: 'The code', schema: assignedOut } },
  problems: problemsOf([
    'bookNotFound',
    'bookArchived',
    'bookOver',
    'bookNotActive',
    'bookNotBegun',
    'userCodesLimit',
    'noneAvailable',
  ]),
  handle({ work }, { couponBookId, userId }) {
    work.command({ kind: 'assignRandom', bookId: asBookId(couponBookId), userId }, showAssigned);
  },
});

const assignCode = route({
  id: 'assignCode',
  method: 'POST',
  path: '/api/v1/coupons/assign/{code}',
  tag: 'Coupons',
  summary: 'Assign this code to a user',
  description: 'Again to the same user: nothing changes, and the answer is the same.',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  dryRun: true,
  params: { code: schemas.code },
  body: assignCodeIn,
  fastBody: readUser,
  answers: { 200: { description: 'The code', schema: assignedOut } },
  problems: problemsOf([
    'codeNotFound',
    'assignedToAnother',
    'bookArchived',
    'bookOver',
    'bookNotActive',
    'bookNotBegun',
    'userCodesLimit',
  ]),
  handle({ request, work }, { userId }) {
    work.command({ kind: 'assignCode', code: request.param(0), userId }, showAssigned);
  },
});

const lockCode = route({
  id: 'lockCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/lock',
  tag: 'Coupons',
  summary: 'Lock a code for a user, for a while',
  description: 'A lock is a lease: it ends by itself at `lockedUntil`. By the same user again it is renewed.',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  dryRun: true,
  params: { code: schemas.code },
  body: lockCodeIn,
  fastBody: readUser,
  answers: { 200: { description: 'The lock', schema: lockedOut } },
  problems: problemsOf([
    'codeNotFound',
    'lockedByAnother',
    'bookArchived',
    'bookOver',
    'bookNotActive',
    'bookNotBegun',
    'usedUp',
    'userCodesLimit',
  ]),
  handle({ request, work }, { userId, ttlSeconds }) {
    work.command(
      { kind: 'lockCode', code: request.param(0), userId, ttlMs: ttlSeconds === undefined ? null : ttlSeconds * 1000 },
      showLocked,
    );
  },
});

const unlockCode = route({
  id: 'unlockCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/unlock',
  tag: 'Coupons',
  summary: "End a user's lock before its time",
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  dryRun: true,
  params: { code: schemas.code },
  body: unlockCodeIn,
  fastBody: readUser,
  answers: { 200: { description: 'Unlocked', schema: unlockedOut } },
  problems: problemsOf(['codeNotFound', 'bookArchived', 'notLocked', 'lockNotHeld']),
  handle({ request, work }, { userId, lockId = null }) {
    work.command({ kind: 'unlockCode', code: request.param(0), userId, lockId }, showUnlocked);
  },
});

const redeemCode = route({
  id: 'redeemCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/redeem',
  tag: 'Coupons',
  summary: 'Redeem a code',
  access: ANY_ROLE,
  ownUser: 'body',
  guessable: true,
  change: true,
  dryRun: true,
  params: { code: schemas.code },
  body: redeemCodeIn,
  fastBody: readUser,
  answers: { 200: { description: 'The redemption', schema: redeemedOut } },
  problems: problemsOf([
    'codeNotFound',
    'lockedByAnother',
    'bookArchived',
    'bookOver',
    'bookNotActive',
    'bookNotBegun',
    'usedUp',
    'lockNotHeld',
    'userCodesLimit',
    'userRedemptionsLimit',
  ]),
  handle({ request, work }, { userId, lockId = null, metadata = null }) {
    work.command({ kind: 'redeemCode', code: request.param(0), userId, lockId, metadata }, showRedeemed);
  },
});

const rollbackRedemption = route({
  id: 'rollbackRedemption',
  method: 'POST',
  path: '/api/v1/coupons/{code}/rollback',
  tag: 'Coupons',
  summary: 'Give a redemption back, once',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: { code: schemas.code },
  body: rollbackRedemptionIn,
  answers: { 200: { description: 'Rolled back', schema: rolledBackOut } },
  problems: problemsOf([
    'codeNotFound',
    'redemptionNotFound',
    'bookArchived',
    'alreadyRolledBack',
    'redemptionReserved',
  ]),
  handle({ request, work }, { redemptionId, reason = null }) {
    work.command({ kind: 'rollbackRedemption', code: request.param(0), redemptionId, reason }, showRolledBack);
  },
});

const unassignCode = route({
  id: 'unassignCode',
  method: 'POST',
  path: '/api/v1/coupons/{code}/unassign',
  tag: 'Coupons',
  summary: 'Put an assigned code back into the pool',
  access: ADMIN_OR_SERVICE,
  change: true,
  dryRun: true,
  params: { code: schemas.code },
  body: unassignCodeIn,
  bodyOptional: true,
  answers: { 200: { description: 'Back in the pool', schema: unassignedOut } },
  problems: problemsOf(['codeNotFound', 'bookArchived', 'notAssigned', 'codeLocked', 'codeRedeemed']),
  handle({ request, work }, { reason = null }) {
    work.command({ kind: 'unassignCode', code: request.param(0), reason }, showUnassigned);
  },
});

export const commandRoutes: readonly RouteSpec<unknown, unknown>[] = [
  assignRandom,
  assignCode,
  lockCode,
  unlockCode,
  redeemCode,
  rollbackRedemption,
  unassignCode,
];
