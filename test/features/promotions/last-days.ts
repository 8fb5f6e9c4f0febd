/**
 * Promotions with dates alone, read as from a request and asked at the ends of their days, on the
 * server's own clock. The expected moments follow from the published offsets of each zone.
 */

import { settingsOf } from '../../../src/http/api/promotions/input.js';
import { promotionInput } from '../../../src/http/api/promotions/schemas.js';
import { planOf } from '../../../src/promotions/plan.js';
import { openShard } from '../shard.js';
import { addPromotion, messageOf, reserve } from './promotion-shard.js';

interface Dates {
  readonly startDate?: string;
  readonly endDate?: string;
  readonly timeZone?: string;
  readonly schedule?: readonly { readonly days: readonly string[]; readonly from: string; readonly to: string }[];
}

interface LastDay {
  readonly dates: Dates;
  /** When a cart asks, and what it is told; null: the promotion applies. */
  readonly expected: readonly (readonly [utc: string, message: string | null])[];
}

const EARLY = 'Coupon is not yet valid';
const OVER = 'Coupon has expired';

export const LAST_DAYS: readonly LastDay[] = [
  {
    dates: { startDate: '2026-06-01', endDate: '2026-06-30', timeZone: 'America/Los_Angeles' },
    expected: [
      ['2026-06-01T06:59:59.999Z', EARLY],
      ['2026-06-01T07:00:00.000Z', null],
      ['2026-07-01T06:59:59.999Z', null],
      ['2026-07-01T07:00:00.000Z', OVER],
    ],
  },
  {
    dates: { startDate: '2026-06-01', endDate: '2026-06-30', timeZone: 'Asia/Tokyo' },
    expected: [
      ['2026-05-31T14:59:59.999Z', EARLY],
      ['2026-05-31T15:00:00.000Z', null],
      ['2026-06-30T14:59:59.999Z', null],
      ['2026-06-30T15:00:00.000Z', OVER],
    ],
  },
  {
    dates: { endDate: '2026-10-25', timeZone: 'Europe/Berlin' },
    expected: [
      ['2026-10-25T22:59:59.999Z', null],
      ['2026-10-25T23:00:00.000Z', OVER],
    ],
  },
  {
    dates: { endDate: '2026-12-31', timeZone: 'Asia/Kolkata' },
    expected: [
      ['2026-12-31T18:29:59.999Z', null],
      ['2026-12-31T18:30:00.000Z', OVER],
    ],
  },
  {
    dates: { startDate: '2026-06-30', endDate: '2026-06-30', timeZone: 'Pacific/Auckland' },
    expected: [
      ['2026-06-29T11:59:59.999Z', EARLY],
      ['2026-06-29T12:00:00.000Z', null],
      ['2026-06-30T11:59:59.999Z', null],
      ['2026-06-30T12:00:00.000Z', OVER],
    ],
  },
  {
    dates: { endDate: '2026-06-30T23:59:59+02:00' },
    expected: [
      ['2026-06-30T21:59:58.999Z', null],
      ['2026-06-30T21:59:59.000Z', OVER],
    ],
  },
  {
    dates: {
      endDate: '2026-06-30',
      timeZone: 'America/Los_Angeles',
      schedule: [{ days: ['tue'], from: '18:00', to: '24:00' }],
    },
    expected: [
      ['2026-07-01T00:59:59.999Z', EARLY],
      ['2026-07-01T01:00:00.000Z', null],
      ['2026-07-01T06:59:59.999Z', null],
      ['2026-07-01T07:00:00.000Z', OVER],
    ],
  },
];

/** What carts are told, in the form of the expected values. */
export function answersOfShop(): LastDay['expected'][] {
  return LAST_DAYS.map(({ dates, expected }) => expected.map(([utc]) => [utc, answerAt(dates, utc)]));
}

function answerAt(dates: Dates, utc: string): string | null {
  const shard = openShard();
  shard.nowMs = Date.UTC(2026, 4, 20);
  const input = promotionInput.parse({
    code: 'SAVE',
    discount: 10,
    type: 'percentage',
    couponFor: 'product',
    ...dates,
  });
  const read = settingsOf(input, 'SAVE', { code: 'USD', isGiven: true });
  if ('errors' in read) throw new Error(JSON.stringify(read.errors));
  addPromotion(shard, read.value, planOf(read.value, shard.nowMs));
  shard.nowMs = Date.parse(utc);
  return messageOf(shard.run(reserve()));
}
