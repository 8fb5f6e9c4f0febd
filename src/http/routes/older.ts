/**
 * The paths of the systems that Clipbook replaces: the same handlers under other names. Section 9 of the contract.
 * Only where the older body says more than the path does is there something of its own.
 */
import { asBookId } from '../../domain/ids.js';
import { type Method, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { bookRoutes } from './books.js';
import { addCodes, codeRoutes, generateInto } from './codes.js';
import { couponRoutes } from './coupons.js';
import { userRoutes } from './users.js';

const TAG = 'Older paths';
/** The codes come in memory; more of them go to POST /api/v1/coupon-books/{id}/codes. */
const CODES_BYTES_MAX = 1024 * 1024;

const ALIASES: readonly (readonly [Method, path: string, of: string])[] = [
  ['POST', '/auth/token', 'signIn'],
  ['POST', '/users', 'createUser'],
  ['POST', '/coupons', 'createBook'],
  ['POST', '/coupons/assign', 'assignRandomCode'],
  ['POST', '/coupons/assign/{code}', 'assignCode'],
  ['POST', '/coupons/lock/{code}', 'lockCode'],
  ['POST', '/coupons/unlock/{code}', 'unlockCode'],
  ['POST', '/coupons/redeem/{code}', 'redeemCode'],
  ['GET', '/users/{userId}/coupons', 'listUserCodes'],
  ['GET', '/coupons/user/{userId}', 'listUserCodes'],
];

const withBookInBody = [
  route({
    ...specOf('uploadCodes'),
    id: 'olderCodes',
    path: '/coupons/codes',
    tag: TAG,
    params: {},
    body: schemas.bookCodesInput,
    bodyBytesMax: CODES_BYTES_MAX,
    handle: (x, { couponBookId, codes }) => addCodes(x, asBookId(couponBookId), codes),
  }),
  route({
    ...specOf('generateCodes'),
    id: 'olderRandomCodes',
    path: '/coupons/random-codes',
    tag: TAG,
    params: {},
    body: schemas.randomCodesInput,
    handle: (x, { couponBookId, quantity, codePattern = null }) =>
      generateInto(x, asBookId(couponBookId), quantity, codePattern),
  }),
];

export const olderRoutes: readonly RouteSpec<unknown, unknown>[] = [
  ...ALIASES.map(([method, path, of], index) => ({
    ...specOf(of),
    id: `older${index}${of}`,
    method,
    path,
    tag: TAG,
  })),
  ...withBookInBody,
];

function specOf(id: string): RouteSpec<unknown, unknown> {
  const all = [...bookRoutes, ...codeRoutes, ...couponRoutes, ...userRoutes];
  const found = all.find((spec) => spec.id === id);
  if (found === undefined) throw new Error(`no route ${id}`);
  return found;
}
