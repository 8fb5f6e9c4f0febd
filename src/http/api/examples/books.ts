import { BOOK_ID } from '../../../records/story.js';
import type { ExampleTable } from './example.js';
import { json } from './example.js';

const counts = { total: 1000, available: 940, assigned: 48, locked: 2, redeemed: 12, redemptions: 12 };

const book = {
  id: BOOK_ID,
  name: 'Summer drop',
  description: 'One free drink for everybody on the list',
  startDate: '2026-06-01T08:00:00.000Z',
  endDate: '2099-09-01T00:00:00.000Z',
  isActive: true,
  maxCodesPerUser: 2,
  maxRedemptionsPerUser: null,
  allowMultipleRedemptions: false,
  maxRedemptionsPerCode: null,
  codePattern: null,
  redeemableBy: 'assignee',
  requireLock: false,
  lockTtlSeconds: 120,
  metadata: { campaign: 'summer' },
  discount: null,
  campaignId: null,
  counts,
  version: 1,
  createdAt: '2026-05-20T09:30:00.123Z',
  updatedAt: '2026-05-20T09:30:00.123Z',
  archivedAt: null,
};
const newBook = { ...book, counts: { total: 0, available: 0, assigned: 0, locked: 0, redeemed: 0, redemptions: 0 } };
const changedBook = {
  ...book,
  name: 'Summer drop, second week',
  maxCodesPerUser: 3,
  version: 2,
  updatedAt: '2026-06-08T07:00:00.000Z',
};

export const bookExamples: ExampleTable = {
  createBook: {
    bodies: json({
      small: { summary: 'A name is enough', value: { name: 'Summer drop' } },
      usual: {
        summary: 'With dates, a limit per user and metadata',
        value: {
          name: 'Summer drop',
          description: 'One free drink for everybody on the list',
          startDate: '2026-06-01T08:00:00.000Z',
          endDate: '2099-09-01T00:00:00.000Z',
          maxCodesPerUser: 2,
          lockTtlSeconds: 120,
          metadata: { campaign: 'summer' },
        },
      },
      withCodes: {
        summary: 'With its first codes; whoever has a code in hand may redeem it three times',
        value: {
          name: 'Flyers',
          redeemableBy: 'bearer',
          allowMultipleRedemptions: true,
          maxRedemptionsPerCode: 3,
          initialCodes: ['FLYER-0001', 'FLYER-0002'],
        },
      },
      withDiscount: {
        summary: 'Unique codes that take 15 % of a cart',
        value: {
          name: 'Welcome letters',
          redeemableBy: 'bearer',
          startDate: '2026-06-01',
          endDate: '2099-08-31',
          timeZone: 'Europe/Berlin',
          discount: { type: 'percentage', discount: 15, couponFor: 'product', budget: 5000 },
        },
      },
    }),
    answers: { 201: { book: { summary: 'The new book', value: newBook } } },
  },
  listBooks: {
    answers: { 200: { page: { summary: 'The only page', value: { items: [book], nextCursor: null } } } },
  },
  getBook: {
    parameters: { id: BOOK_ID },
    answers: { 200: { book: { summary: 'A book with 1,000 codes', value: book } } },
  },
  updateBook: {
    parameters: { id: BOOK_ID },
    bodies: json({
      settings: {
        summary: 'Change the name and a limit',
        value: { name: 'Summer drop, second week', maxCodesPerUser: 3 },
      },
      off: { summary: 'Switch the book off', value: { isActive: false } },
      noEnd: { summary: 'Remove the end', value: { endDate: null } },
    }),
    answers: { 200: { book: { summary: 'The book after the change', value: changedBook } } },
  },
  archiveBook: { parameters: { id: BOOK_ID } },
  getBookStats: {
    parameters: { id: BOOK_ID },
    answers: {
      200: {
        stats: {
          summary: 'Shortened: the real answer has more buckets',
          value: {
            couponBookId: BOOK_ID,
            counts,
            perMinute: [
              { start: '2026-06-08T07:59:00.000Z', redemptions: 3 },
              { start: '2026-06-08T08:00:00.000Z', redemptions: 1 },
            ],
            perHour: [
              { start: '2026-06-08T07:00:00.000Z', redemptions: 9 },
              { start: '2026-06-08T08:00:00.000Z', redemptions: 1 },
            ],
            perDay: [
              { start: '2026-06-07T00:00:00.000Z', redemptions: 2 },
              { start: '2026-06-08T00:00:00.000Z', redemptions: 10 },
            ],
          },
        },
      },
    },
  },
};
