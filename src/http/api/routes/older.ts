/**
 * The paths of the systems that Clipbook replaces: the same handlers under other names
 * (docs/contract.md, section 8). An older path has a handler of its own only if its body names more
 * than the new path does.
 */
import { asBookId } from '../../../domain/ids.js';
import { type Method, type RouteSpec, route } from '../route.js';
import * as schemas from '../schemas.js';
import { bookRoutes } from './books.js';
import { addCodes, codeRoutes, generateInto } from './codes.js';
import { couponRoutes } from './coupons.js';
import { userRoutes } from './users.js';

const TAG = 'Older paths';
/** The codes come in memory; more of them go to POST /api/v1/coupon-books/{id}/codes. */
const CODES_BYTES_MAX = 1024 * 1024;

/** The ids are names that generated clients use, so they must not change. */
const ALIASES: readonly (readonly [id: string, Method, path: string, of: string])[] = [
  ['olderSignIn', 'POST', '/auth/token', 'signIn'],
  ['olderCreateUser', 'POST', '/users', 'createUser'],
  ['olderCreateBook', 'POST', '/coupons', 'createBook'],
  ['olderAssignRandomCode', 'POST', '/coupons/assign', 'assignRandomCode'],
  ['olderAssignCode', 'POST', '/coupons/assign/{code}', 'assignCode'],
  ['olderLockCode', 'POST', '/coupons/lock/{code}', 'lockCode'],
  ['olderUnlockCode', 'POST', '/coupons/unlock/{code}', 'unlockCode'],
  ['olderRedeemCode', 'POST', '/coupons/redeem/{code}', 'redeemCode'],
  ['olderListUserCodes', 'GET', '/users/{userId}/coupons', 'listUserCodes'],
  ['olderListCodesOfUser', 'GET', '/coupons/user/{userId}', 'listUserCodes'],
];

const withBookInBody = [
  route({
    ...withoutQuery(specOf('uploadCodes')),
    id: 'olderCodes',
    replacedBy: 'uploadCodes',
    path: '/coupons/codes',
    tag: TAG,
    params: {},
    body: schemas.bookCodesInput,
    bodyBytesMax: CODES_BYTES_MAX,
    handle: (exchange, { couponBookId, codes }) => addCodes(exchange, asBookId(couponBookId), codes),
  }),
  route({
    ...specOf('generateCodes'),
    id: 'olderRandomCodes',
    replacedBy: 'generateCodes',
    path: '/coupons/random-codes',
    tag: TAG,
    params: {},
    body: schemas.randomCodesInput,
    handle: (exchange, { couponBookId, quantity, codePattern = null }) =>
      generateInto(exchange, asBookId(couponBookId), quantity, codePattern),
  }),
];

export const olderRoutes: readonly RouteSpec<unknown, unknown>[] = [
  ...ALIASES.map(([id, method, path, of]): RouteSpec<unknown, unknown> => {
    return { ...specOf(of), id, method, path, tag: TAG, replacedBy: of };
  }),
  ...withBookInBody,
];

/** The body is read here, so there is nothing to say of how. */
function withoutQuery({ query: _, ...spec }: RouteSpec<unknown, unknown>): RouteSpec<unknown, unknown> {
  return spec;
}

function specOf(id: string): RouteSpec<unknown, unknown> {
  const all = [...bookRoutes, ...codeRoutes, ...couponRoutes, ...userRoutes];
  const found = all.find((spec) => spec.id === id);
  if (found === undefined) throw new Error(`no route ${id}`);
  return found;
}
