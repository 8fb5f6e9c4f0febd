import {
  AT,
  CART,
  PRODUCT,
  PROMOTION_CODE,
  PROMOTION_ID,
  RESERVATION_ID,
  SHIPPING_ID,
  USER,
} from '../../../records/story.js';
import type { ExampleTable } from './example.js';
import { json } from './example.js';
import { lateNight, shippingPromotion, usedPromotion } from './promotions.js';

const SOCKS = 'socks-7';
/** Two pairs of shoes at 39.90, a pair of socks, and shipping. */
const cart = {
  userId: USER,
  lines: [
    { productId: PRODUCT, quantity: 2, unitPrice: 39.9 },
    { productId: SOCKS, quantity: 1, unitPrice: 9.5 },
  ],
  shipping: 4.9,
};

const ofShoes = { couponId: PROMOTION_ID, code: PROMOTION_CODE };
const ofShipping = { couponId: SHIPPING_ID, code: null };
const shoesLine = { line: 0, amount: 15.96 };

const shoesStep = {
  ...ofShoes,
  result: 'applied',
  base: 79.8,
  rule: '20 % of the matching goods',
  exact: '15.96',
  rounded: 15.96,
  amount: 15.96,
  totalAfter: 78.24,
};
const lateNightStep = {
  couponId: lateNight.id,
  code: 'LATE10',
  result: 'skipped',
  reason: 'Coupon is not yet valid',
  explanation: 'Its schedule is closed now',
};
const shippingStep = {
  ...ofShipping,
  result: 'applied',
  base: 4.9,
  rule: '100 % of the shipping cost',
  exact: '4.9',
  rounded: 4.9,
  amount: 4.9,
  totalAfter: 73.34,
};

export const quote = {
  couponCode: PROMOTION_CODE,
  discountType: 'percentage',
  discountValue: 20,
  discountAmount: 20.86,
  originalAmount: 94.2,
  finalAmount: 73.34,
  savings: 20.86,
  currency: 'USD',
  applied: [
    { ...ofShoes, type: 'percentage', value: 20, amount: 15.96, lines: [shoesLine] },
    { ...ofShipping, type: 'shipping', value: 100, amount: 4.9, lines: [] },
  ],
  steps: [shoesStep, shippingStep],
};
const best = { ...quote, steps: [shoesStep, lateNightStep, shippingStep] };
const reserved = { ...quote, reservationId: RESERVATION_ID, reservedUntil: '2026-06-08T08:15:00.123Z' };

const ofShoesHold = { ...ofShoes, amount: 15.96, lines: [shoesLine], rolledBackAmount: 0, referrerUserId: null };
const ofShippingHold = { ...ofShipping, amount: 4.9, lines: [], rolledBackAmount: 0, referrerUserId: null };
const held = {
  id: RESERVATION_ID,
  status: 'held',
  campaignId: null,
  userId: USER,
  cartId: CART,
  orderId: null,
  currency: 'USD',
  originalAmount: 94.2,
  discountAmount: 20.86,
  finalAmount: 73.34,
  holds: [ofShoesHold, ofShippingHold],
  lines: [
    { productId: PRODUCT, quantity: 2, rolledBack: 0 },
    { productId: SOCKS, quantity: 1, rolledBack: 0 },
  ],
  createdAt: AT,
  reservedUntil: '2026-06-08T08:15:00.123Z',
  committedAt: null,
};
const renewed = { ...held, reservedUntil: '2026-06-08T08:25:30.000Z' };
const released = { ...held, status: 'released' };
const committed = { ...held, status: 'committed', orderId: 'A-1001', committedAt: '2026-06-08T08:12:41.530Z' };
const onePairBack = {
  ...committed,
  holds: [{ ...ofShoesHold, rolledBackAmount: 7.98 }, ofShippingHold],
  lines: [
    { productId: PRODUCT, quantity: 2, rolledBack: 1 },
    { productId: SOCKS, quantity: 1, rolledBack: 0 },
  ],
};
const allBack = {
  ...committed,
  status: 'rolledBack',
  holds: [
    { ...ofShoesHold, rolledBackAmount: 15.96 },
    { ...ofShippingHold, rolledBackAmount: 4.9 },
  ],
  lines: [
    { productId: PRODUCT, quantity: 2, rolledBack: 2 },
    { productId: SOCKS, quantity: 1, rolledBack: 1 },
  ],
};

const qualified = [
  { coupon: usedPromotion, qualifies: true, discountAmount: 15.96, reason: null },
  { coupon: lateNight, qualifies: false, discountAmount: null, reason: 'Coupon is not yet valid' },
  { coupon: shippingPromotion, qualifies: true, discountAmount: 4.9, reason: null },
];

export const checkoutExamples: ExampleTable = {
  validateCoupon: {
    bodies: json({
      lines: { summary: 'With the lines of the cart', value: { code: PROMOTION_CODE, ...cart } },
      total: {
        summary: 'With a total and the products alone',
        value: { code: 'summer20', userId: USER, cartTotal: 89.3, productIds: [PRODUCT, SOCKS] },
      },
    }),
    answers: {
      200: {
        valid: {
          summary: 'It applies',
          value: { valid: true, coupon: usedPromotion, message: 'Coupon is valid' },
        },
      },
    },
  },
  qualifyCart: {
    bodies: json({ cart: { summary: 'The cart alone', value: cart } }),
    answers: { 200: { all: { summary: 'Two of three apply', value: qualified } } },
  },
  applyCoupons: {
    bodies: json({
      price: { summary: 'What the cart costs with a code', value: { code: PROMOTION_CODE, ...cart } },
      best: {
        summary: 'Of several codes, those that together save most',
        value: { codes: [PROMOTION_CODE, 'LATE10'], mode: 'best', ...cart },
      },
      automatic: { summary: 'Without a code: automatic promotions alone', value: { codes: [], ...cart } },
      reserve: {
        summary: 'Hold it for the payment',
        value: { code: PROMOTION_CODE, ...cart, cartId: CART, reserve: true, reserveSeconds: 900 },
      },
    }),
    answers: {
      200: {
        price: { summary: 'The code, and an automatic promotion', value: quote },
        best: { summary: 'One of two codes applies', value: best },
        reserved: { summary: 'Held for 15 minutes', value: reserved },
      },
    },
  },
  findReservation: {
    parameters: { cartId: CART, userId: USER },
    answers: { 200: { held: { summary: 'The cart holds this', value: held } } },
  },
  getReservation: {
    parameters: { id: RESERVATION_ID },
    answers: {
      200: { held: { summary: 'Not paid yet', value: held }, committed: { summary: 'Paid', value: committed } },
    },
  },
  renewReservation: {
    parameters: { id: RESERVATION_ID },
    bodies: json({ longer: { summary: 'For 15 minutes from now', value: { reserveSeconds: 900 } } }),
    answers: { 200: { renewed: { summary: 'It ends later now', value: renewed } } },
  },
  commitReservation: {
    parameters: { id: RESERVATION_ID },
    bodies: json({ order: { summary: 'The customer has paid', value: { orderId: 'A-1001' } } }),
    answers: { 200: { committed: { summary: 'The uses are counted', value: committed } } },
  },
  releaseReservation: {
    parameters: { id: RESERVATION_ID },
    bodies: json({ empty: { summary: 'Without a field', value: {} } }),
    answers: { 200: { released: { summary: 'The next cart can have it', value: released } } },
  },
  rollbackReservation: {
    parameters: { id: RESERVATION_ID },
    bodies: json({
      line: {
        summary: 'One pair of shoes came back',
        value: { lines: [{ productId: PRODUCT, quantity: 1 }], reason: 'Too small' },
      },
      rest: { summary: 'All that is left of the order came back', value: { reason: 'The order was cancelled' } },
    }),
    answers: {
      200: {
        line: { summary: 'The money of one pair is given back', value: onePairBack },
        rest: { summary: 'The uses are given back, too', value: allBack },
      },
    },
  },
  incrementUsage: {
    bodies: json({
      reservation: {
        summary: 'Commit a reservation',
        value: { code: PROMOTION_CODE, reservationId: RESERVATION_ID, orderId: 'A-1002' },
      },
      order: {
        summary: 'Count an order that reserved nothing',
        value: { code: PROMOTION_CODE, userId: 'bob', discountAmount: 7.98, orderId: 'A-1003' },
      },
    }),
    answers: { 200: { promotion: { summary: 'The promotion with one use more', value: usedPromotion } } },
  },
};
