/**
 * Examples of commands in the description of the API.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import { type ExampleTable, json } from './example.js';

export const commandExamples: ExampleTable = {
  assignRandomCode: {
    bodies: json({
      ada: {
        summary: 'Any code for Ada',
        value: { couponBookId: '019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10', userId: 'ada' },
      },
    }),
    answers: {
      200: {
        assigned: {
          summary: 'The code that was drawn',
          value: {
            couponBookId: '019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10',
            code: 'K7QM-2XWD-9TRH-4VNB',
            userId: 'ada',
            assignedAt: '2026-06-08T08:00:00.123Z',
          },
        },
      },
    },
  },
  assignCode: {
    parameters: { code: 'WELCOME-2026' },
    bodies: json({ ada: { summary: 'This code for Ada', value: { userId: 'ada' } } }),
    answers: {
      200: {
        assigned: {
          summary: 'The code is hers',
          value: {
            couponBookId: '019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10',
            code: 'WELCOME-2026',
            userId: 'ada',
            assignedAt: '2026-06-08T08:00:00.123Z',
          },
        },
      },
    },
  },
  lockCode: {
    parameters: { code: 'WELCOME-2026' },
    bodies: json({
      minute: { summary: 'For a minute', value: { userId: 'ada', ttlSeconds: 60 } },
      usual: { summary: "For the book's own time", value: { userId: 'ada' } },
    }),
    answers: {
      200: {
        locked: {
          summary: 'Locked for a minute',
          value: { code: 'WELCOME-2026', userId: 'ada', lockId: 12, lockedUntil: '2026-06-08T08:01:30.000Z' },
        },
      },
    },
  },
  unlockCode: {
    parameters: { code: 'WELCOME-2026' },
    bodies: json({
      any: { summary: 'Whatever lock Ada holds', value: { userId: 'ada' } },
      exact: { summary: 'Only this lock', value: { userId: 'ada', lockId: 12 } },
    }),
    answers: { 200: { unlocked: { summary: 'The lock has ended', value: { code: 'WELCOME-2026', userId: 'ada' } } } },
  },
  redeemCode: {
    parameters: { code: 'WELCOME-2026' },
    bodies: json({
      plain: { summary: 'Redeem', value: { userId: 'ada' } },
      withLock: {
        summary: 'With the lock that was given, and your own data',
        value: { userId: 'ada', lockId: 12, metadata: { orderId: 'A-1001' } },
      },
    }),
    answers: {
      200: {
        redeemed: {
          summary: 'Redeemed, for the only time',
          value: {
            code: 'WELCOME-2026',
            userId: 'ada',
            redemptionId: '019abe61-52b8-7f0d-a3c4-8d1e6b2f9a05',
            redeemedAt: '2026-06-08T08:01:12.456Z',
            redemptionCount: 1,
            remaining: 0,
          },
        },
      },
    },
  },
  rollbackRedemption: {
    parameters: { code: 'WELCOME-2026' },
    bodies: json({
      reason: {
        summary: 'With a reason',
        value: { redemptionId: '019abe61-52b8-7f0d-a3c4-8d1e6b2f9a05', reason: 'The order was cancelled' },
      },
    }),
    answers: {
      200: {
        rolledBack: {
          summary: 'It can be redeemed again',
          value: {
            code: 'WELCOME-2026',
            redemptionId: '019abe61-52b8-7f0d-a3c4-8d1e6b2f9a05',
            redemptionCount: 0,
            remaining: 1,
          },
        },
      },
    },
  },
  unassignCode: {
    parameters: { code: 'WELCOME-2026' },
    bodies: json({
      plain: { summary: 'Without a reason', value: {} },
      reason: { summary: 'With a reason', value: { reason: 'The account was closed' } },
    }),
    answers: {
      200: {
        unassigned: {
          summary: 'Back in the pool',
          value: { couponBookId: '019abe5c-6c00-7c3e-9d2f-5b1e8a4c7f10', code: 'WELCOME-2026' },
        },
      },
    },
  },
};
