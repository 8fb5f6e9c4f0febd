import { AT, CAMPAIGN_ID, PRODUCT, PROMOTION_CODE, PROMOTION_ID, SHIPPING_ID } from '../../../records/story.js';
import type { ExampleTable } from './example.js';
import { json } from './example.js';

const promotion = {
  kind: 'promotion',
  id: PROMOTION_ID,
  code: PROMOTION_CODE,
  automatic: false,
  name: '20 % off summer shoes',
  discount: 20,
  type: 'percentage',
  couponFor: 'product',
  products: [PRODUCT],
  categories: [],
  excludeProducts: [],
  minPurchaseAmount: null,
  maxDiscountAmount: 30,
  currency: 'USD',
  isActive: true,
  startDate: '2026-05-31T22:00:00.000Z',
  startDateLocal: '2026-06-01T00:00:00+02:00[Europe/Berlin]',
  endDate: '2099-08-31T22:00:00.000Z',
  endDateLocal: '2099-09-01T00:00:00+02:00[Europe/Berlin]',
  timeZone: 'Europe/Berlin',
  schedule: null,
  maxUsage: 500,
  maxUsagePerUser: 1,
  maxUsagePerPeriod: null,
  budget: 5000,
  audience: null,
  condition: null,
  stacking: { group: null, priority: 0, exclusive: false, base: 'running' },
  referrerUserId: null,
  campaignId: null,
  metadata: null,
  usageCount: 0,
  heldCount: 0,
  budgetUsed: 0,
  budgetHeld: 0,
  version: 1,
  createdAt: AT,
  updatedAt: AT,
};

/** After a few days. */
export const usedPromotion = { ...promotion, usageCount: 118, heldCount: 3, budgetUsed: 1876.4, budgetHeld: 47.2 };

export const shippingPromotion = {
  ...promotion,
  id: SHIPPING_ID,
  code: null,
  automatic: true,
  name: 'Free shipping from 50',
  discount: 100,
  type: 'shipping',
  couponFor: 'minPurchase',
  products: [],
  minPurchaseAmount: 50,
  maxDiscountAmount: null,
  startDate: null,
  startDateLocal: null,
  endDate: null,
  endDateLocal: null,
  timeZone: null,
  maxUsage: null,
  maxUsagePerUser: null,
  budget: null,
};

export const lateNight = {
  ...shippingPromotion,
  id: '019abe62-0a50-7b84-a1f9-5c3e7d2b8a46',
  code: 'LATE10',
  automatic: false,
  name: null,
  discount: 10,
  type: 'percentage',
  couponFor: 'product',
  categories: ['drinks'],
  minPurchaseAmount: null,
  timeZone: 'America/New_York',
  schedule: [{ days: ['fri', 'sat'], from: '22:00', to: '02:00' }],
  maxUsagePerPeriod: { count: 50, period: 'day' },
  audience: { userIds: null, segments: ['regulars'] },
  condition: 'cart.lines.exists(line, line.quantity >= 2)',
  stacking: { group: null, priority: 0, exclusive: true, base: 'running' },
};

const onePage = {
  results: [usedPromotion, shippingPromotion],
  page: 1,
  limit: 10,
  totalPages: 1,
  totalResults: 2,
};

const changed = { ...usedPromotion, maxUsage: 800, version: 2, updatedAt: '2026-06-12T09:00:00.000Z' };

export const promotionExamples: ExampleTable = {
  createPromotion: {
    bodies: json({
      automatic: {
        summary: 'Free shipping from an amount on, without a code',
        value: {
          automatic: true,
          name: 'Free shipping from 50',
          type: 'shipping',
          discount: 100,
          couponFor: 'minPurchase',
          minPurchaseAmount: 50,
        },
      },
      generated: {
        summary: 'An amount, with a code that is generated, once for each user',
        value: {
          codePattern: 'HELLO-{RANDOM:6}',
          type: 'fixed',
          discount: 5,
          currency: 'EUR',
          couponFor: 'product',
          maxUsagePerUser: 1,
        },
      },
      happyHour: {
        summary: 'At certain hours, 50 times a day, for some customers, and not together with others',
        value: {
          code: 'LATE10',
          type: 'percentage',
          discount: 10,
          couponFor: 'product',
          categories: ['drinks'],
          timeZone: 'America/New_York',
          schedule: [{ days: ['fri', 'sat'], from: '22:00', to: '02:00' }],
          maxUsagePerPeriod: { count: 50, period: 'day' },
          audience: { segments: ['regulars'] },
          condition: 'cart.lines.exists(line, line.quantity >= 2)',
          stacking: { exclusive: true },
        },
      },
      inCampaign: {
        summary: 'As a part of a campaign',
        value: { code: 'LAUNCH5', type: 'fixed', discount: 5, couponFor: 'product', campaignId: CAMPAIGN_ID },
      },
      percentage: {
        summary: 'A percentage off a product, with dates, limits and a budget',
        value: {
          code: PROMOTION_CODE,
          name: '20 % off summer shoes',
          type: 'percentage',
          discount: 20,
          couponFor: 'product',
          products: [PRODUCT],
          maxDiscountAmount: 30,
          startDate: '2026-06-01',
          endDate: '2099-08-31',
          timeZone: 'Europe/Berlin',
          maxUsage: 500,
          maxUsagePerUser: 1,
          budget: 5000,
        },
      },
    }),
    answers: { 201: { promotion: { summary: 'The new promotion', value: promotion } } },
  },
  listPromotions: { answers: { 200: { page: { summary: 'The only page', value: onePage } } } },
  listProductPromotions: {
    parameters: { productId: PRODUCT },
    answers: {
      200: {
        promotions: { summary: 'One for this product, and one for all', value: [usedPromotion, shippingPromotion] },
      },
    },
  },
  getPromotion: {
    parameters: { couponId: PROMOTION_ID },
    answers: { 200: { promotion: { summary: 'A promotion in use', value: usedPromotion } } },
  },
  updatePromotion: {
    parameters: { couponId: PROMOTION_ID },
    bodies: json({
      limit: { summary: 'Allow more uses', value: { maxUsage: 800 } },
      off: { summary: 'Switch it off', value: { isActive: false } },
      on: { summary: 'Switch it on again, without a budget', value: { isActive: true, budget: null } },
    }),
    answers: { 200: { promotion: { summary: 'The promotion after the change', value: changed } } },
  },
  archivePromotion: { parameters: { couponId: PROMOTION_ID } },
};
