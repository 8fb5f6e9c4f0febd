import type { ExampleTable } from './example.js';
import { json } from './example.js';
import { BOOK_ID, CODE, CURSOR, DRAWN_CODE, LOCK_ID, REDEMPTION_ID, USER } from './story.js';

const AT = '2026-06-08T08:00:00.123Z';
const entry = {
  commitSeq: '3-1041',
  event: 'coupon.redeemed',
  at: '2026-06-08T08:01:12.456Z',
  code: CODE,
  userId: USER,
  by: '019abe5b-0a10-7b6e-8f21-4d5c3b2a1908',
  requestId: 'checkout-4711',
  redemptionId: REDEMPTION_ID,
  detail: { redemptionCount: 1, metadata: { orderId: 'A-1001' } },
};

export const couponExamples: ExampleTable = {
  assignRandomCode: {
    bodies: json({ ada: { summary: 'Any code for Ada', value: { couponBookId: BOOK_ID, userId: USER } } }),
    answers: {
      200: {
        assigned: {
          summary: 'The code that was drawn',
          value: { couponBookId: BOOK_ID, code: DRAWN_CODE, userId: USER, assignedAt: AT },
        },
      },
    },
  },
  assignCode: {
    parameters: { code: CODE },
    bodies: json({ ada: { summary: 'This code for Ada', value: { userId: USER } } }),
    answers: {
      200: {
        assigned: {
          summary: 'The code is hers',
          value: { couponBookId: BOOK_ID, code: CODE, userId: USER, assignedAt: AT },
        },
      },
    },
  },
  lockCode: {
    parameters: { code: CODE },
    bodies: json({
      minute: { summary: 'For a minute', value: { userId: USER, ttlSeconds: 60 } },
      usual: { summary: "For the book's own time", value: { userId: USER } },
    }),
    answers: {
      200: {
        locked: {
          summary: 'Locked for a minute',
          value: { code: CODE, userId: USER, lockId: LOCK_ID, lockedUntil: '2026-06-08T08:01:30.000Z' },
        },
      },
    },
  },
  unlockCode: {
    parameters: { code: CODE },
    bodies: json({
      any: { summary: 'Whatever lock Ada holds', value: { userId: USER } },
      exact: { summary: 'Only this lock', value: { userId: USER, lockId: LOCK_ID } },
    }),
    answers: { 200: { unlocked: { summary: 'The lock has ended', value: { code: CODE, userId: USER } } } },
  },
  redeemCode: {
    parameters: { code: CODE },
    bodies: json({
      plain: { summary: 'Redeem', value: { userId: USER } },
      withLock: {
        summary: 'With the lock that was given, and your own data',
        value: { userId: USER, lockId: LOCK_ID, metadata: { orderId: 'A-1001' } },
      },
    }),
    answers: {
      200: {
        redeemed: {
          summary: 'Redeemed, for the only time',
          value: {
            code: CODE,
            userId: USER,
            redemptionId: REDEMPTION_ID,
            redeemedAt: '2026-06-08T08:01:12.456Z',
            redemptionCount: 1,
            remaining: 0,
          },
        },
      },
    },
  },
  rollbackRedemption: {
    parameters: { code: CODE },
    bodies: json({
      reason: { summary: 'With a reason', value: { redemptionId: REDEMPTION_ID, reason: 'The order was cancelled' } },
    }),
    answers: {
      200: {
        rolledBack: {
          summary: 'It can be redeemed again',
          value: { code: CODE, redemptionId: REDEMPTION_ID, redemptionCount: 0, remaining: 1 },
        },
      },
    },
  },
  unassignCode: {
    parameters: { code: CODE },
    bodies: json({
      plain: { summary: 'Without a reason', value: {} },
      reason: { summary: 'With a reason', value: { reason: 'The account was closed' } },
    }),
    answers: {
      200: { unassigned: { summary: 'Back in the pool', value: { couponBookId: BOOK_ID, code: CODE } } },
    },
  },
  getCodeHistory: {
    parameters: { code: CODE },
    answers: {
      200: {
        page: { summary: 'The newest entry; there are older ones', value: { items: [entry], nextCursor: CURSOR } },
      },
    },
  },
};
