import { AT, CAMPAIGN_ID, RESERVATION_ID, USER } from '../../../records/story.js';
import { quote } from './checkout.js';
import type { ExampleTable } from './example.js';
import { json } from './example.js';
import { shippingPromotion } from './promotions.js';

const LAUNCH_ID = '019abe62-0a90-7e31-9c4f-2d8b6a1e5f73';
const launch = {
  ...shippingPromotion,
  id: LAUNCH_ID,
  code: 'LAUNCH5',
  automatic: false,
  name: null,
  discount: 5,
  type: 'fixed',
  couponFor: 'product',
  minPurchaseAmount: null,
  campaignId: CAMPAIGN_ID,
};
const reserved = {
  ...quote,
  couponCode: 'LAUNCH5',
  discountType: 'fixed',
  discountValue: 5,
  discountAmount: 5,
  originalAmount: 25,
  finalAmount: 20,
  savings: 5,
  applied: [
    { couponId: LAUNCH_ID, code: 'LAUNCH5', type: 'fixed', value: 5, amount: 5, lines: [{ line: 0, amount: 5 }] },
  ],
  steps: [
    {
      couponId: LAUNCH_ID,
      code: 'LAUNCH5',
      result: 'applied',
      base: 25,
      rule: 'USD 5 off the matching goods',
      exact: '5',
      rounded: 5,
      amount: 5,
      totalAfter: 20,
    },
  ],
  reservationId: RESERVATION_ID,
  reservedUntil: AT,
};

export const campaignExamples: ExampleTable = {
  listCampaigns: {
    answers: {
      200: {
        campaigns: {
          summary: 'The default campaign and another one',
          value: {
            results: [
              { id: '00000000-0000-8000-8000-000000000000', isDefault: true, promotions: 2, active: 2, books: 0 },
              { id: CAMPAIGN_ID, isDefault: false, promotions: 1, active: 1, books: 0 },
            ],
          },
        },
      },
    },
  },
  getCampaign: {
    parameters: { id: CAMPAIGN_ID },
    answers: {
      200: {
        campaign: {
          summary: 'A campaign with one promotion',
          value: {
            id: CAMPAIGN_ID,
            isDefault: false,
            counts: { promotions: 1, active: 1, books: 0 },
            promotions: [launch],
            books: [],
          },
        },
      },
    },
  },
  reserveCampaign: {
    parameters: { id: CAMPAIGN_ID },
    bodies: json({
      codes: {
        summary: 'All of these codes, or none',
        value: { codes: ['LAUNCH5'], userId: USER, lines: [{ productId: 'lamp-1', quantity: 1, unitPrice: 25 }] },
      },
    }),
    answers: { 200: { reserved: { summary: 'All are held', value: reserved } } },
  },
  stopCampaign: {
    parameters: { id: CAMPAIGN_ID },
    bodies: json({ empty: { summary: 'Without a field', value: {} } }),
    answers: { 200: { stopped: { summary: 'One was on', value: { stopped: 1 } } } },
  },
};
