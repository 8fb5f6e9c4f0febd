import { PROMOTION_CODE, PROMOTION_ID, RESERVATION_ID, USER } from '../../../records/story.js';
import type { ExampleTable } from './example.js';

const FROM = '2026-06-01T00:00:00.000Z';
const TO = '2026-06-09T00:00:00.000Z';
const counts = { validations: 210, applications: 120, uses: 42 };
const NOTHING = { validations: 0, applications: 0, uses: 0 };
const sums = { ...counts, discountGiven: 670.32, revenueTouched: 3080.28 };
const shortened = (start: string, part: object) => [{ start, ...part }];

export const promotionStatsExamples: ExampleTable = {
  getPromotionStats: {
    parameters: { couponId: PROMOTION_ID, from: FROM, to: TO },
    answers: {
      200: {
        stats: {
          summary: 'Shortened: the real answer has more buckets',
          value: {
            couponId: PROMOTION_ID,
            code: PROMOTION_CODE,
            currency: 'USD',
            from: FROM,
            to: TO,
            asOf: '5-1204',
            ...counts,
            conversionRate: 0.35,
            discountGiven: 670.32,
            revenueTouched: 3080.28,
            perMinute: shortened('2026-06-08T23:59:00.000Z', {
              validations: 0,
              applications: 1,
              uses: 1,
              discountGiven: 15.96,
              revenueTouched: 73.34,
            }),
            perHour: shortened('2026-06-08T23:00:00.000Z', {
              validations: 9,
              applications: 4,
              uses: 2,
              discountGiven: 31.92,
              revenueTouched: 146.68,
            }),
            perDay: shortened('2026-06-08T00:00:00.000Z', sums),
          },
        },
      },
    },
  },
  getPromotionGroupStats: {
    parameters: { groupBy: 'type', from: FROM, to: TO },
    answers: {
      200: {
        byType: {
          summary: 'By type',
          value: {
            groupBy: 'type',
            from: FROM,
            to: TO,
            asOf: ['0-0', '1-310'],
            groups: [
              {
                group: 'percentage',
                promotions: 3,
                ...counts,
                conversionRate: 0.35,
                money: [{ currency: 'USD', discountGiven: 670.32, revenueTouched: 3080.28 }],
              },
              { group: 'shipping', promotions: 1, ...NOTHING, conversionRate: null, money: [] },
            ],
          },
        },
      },
    },
  },
  listPromotionUses: {
    parameters: { couponId: PROMOTION_ID, limit: 10 },
    answers: {
      200: {
        uses: {
          summary: 'One use, of which a part came back',
          value: {
            items: [
              {
                reservationId: RESERVATION_ID,
                status: 'committed',
                usedAt: '2026-06-08T08:12:41.530Z',
                userId: USER,
                orderId: 'A-1001',
                currency: 'USD',
                discountAmount: 15.96,
                rolledBackAmount: 7.98,
                originalAmount: 94.2,
                finalAmount: 73.34,
                referrerUserId: null,
              },
            ],
            nextCursor: null,
          },
        },
      },
    },
  },
};
