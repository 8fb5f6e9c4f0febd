/** Rolling a redemption back. */
import { bookIsArchived, type Decided, refuse } from '../../domain/decision.js';
import type { RollbackRedemption } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { RedemptionRolledBack } from '../../records/events.generated.js';
import { code, count, countOrNull, redemptionId, textOrNull } from '../../records/fields.js';
import { CODE, REDEMPTION_ID } from '../../records/story.js';
import {
  aboutCode,
  codeNotFound,
  noteEventOf,
  ofCode,
  REASON_LENGTH_MAX,
  redemptionsOf,
  remainingOf,
  seenByOwner,
} from './checks.js';
import type { Coupons } from './state.js';

/**
 * `userId` is the user who had redeemed the code. `redemptionCount` is the count after this event.
 */
export const redemptionRolledBack = event(
  'redemptionRolledBack',
  12,
  { ...ofCode, redemptionId: redemptionId(), redemptionCount: count(), reason: textOrNull() },
  {
    shownAs: 'coupon.rolled_back',
    live: seenByOwner,
    row: { redemption_count: 'redemptionCount' },
    detail: ['reason'],
    appends: { table: 'rollbacks', values: ['seq', 'shard', 'redemptionId'] },
  },
);

export const rolledBack = outcome(
  'rolledBack',
  8,
  { code: code(), redemptionId: redemptionId(), redemptionCount: count(), remaining: countOrNull() },
  { memory: 'json', answer: 'fields' },
);

/** `redemptionId` is the text from the caller, which need not be the id of a redemption. */
export const rollbackRedemption = command(
  'rollbackRedemption',
  { code: code(), redemptionId: redemptionId(), reason: textOrNull() },
  {
    gives: rolledBack,
    refusals: ['codeNotFound', 'redemptionNotFound', 'bookArchived', 'alreadyRolledBack', 'redemptionReserved'],
    message: 'object',
    http: {
      method: 'POST',
      path: '/api/v1/coupons/{code}/rollback',
      tag: 'Coupons',
      summary: 'Give a redemption back, once',
      may: 'adminOrService',
      title: 'RollbackInput',
      body: { redemptionId: {}, reason: { max: REASON_LENGTH_MAX } },
      answer: 'Rolled back',
      examples: {
        bodies: {
          reason: {
            summary: 'With a reason',
            value: { redemptionId: REDEMPTION_ID, reason: 'The order was cancelled' },
          },
        },
        answers: {
          rolledBack: {
            summary: 'It can be redeemed again',
            value: { code: CODE, redemptionId: REDEMPTION_ID, redemptionCount: 0, remaining: 1 },
          },
        },
      },
    },
  },
);

export function decideRollbackRedemption(
  coupons: Coupons,
  { code, redemptionId, reason }: RollbackRedemption,
): Decided<typeof rollbackRedemption> {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const { settings, id: bookId, archivedMs } = coupons.bookOfCode(index).current;
  const number = coupons.redemptions.find(redemptionId, index);
  if (number === -1) return refuse('redemptionNotFound', 'This code has no redemption with that id.');
  if (archivedMs !== null) return bookIsArchived();
  if (coupons.redemptions.isRolledBack(number))
    return refuse('alreadyRolledBack', 'This redemption was rolled back already.');
  const reservationId = coupons.heldRedemptions.get(number);
  if (reservationId !== undefined)
    return refuse(
      'redemptionReserved',
      `Reservation ${reservationId} made this redemption; roll that back, which gives the money back, too.`,
    );
  const redemptionCount = redemptionsOf(coupons, index) - 1;
  const about = aboutCode(coupons, index, code, coupons.users.name(coupons.redemptions.user(number)));
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [{ kind: 'redemptionRolledBack', redemptionId, redemptionCount, reason, ...about }],
    outcome: {
      kind: 'rolledBack',
      code,
      redemptionId,
      redemptionCount,
      remaining: remainingOf(settings, redemptionCount),
    },
  };
}

export function applyRedemptionRolledBack(coupons: Coupons, event: RedemptionRolledBack): void {
  const number = coupons.redemptions.find(event.redemptionId, event.index);
  if (number === -1) throw new Error(`redemption ${event.redemptionId} is rolled back but was never made`);
  coupons.setRedemptionCount(event.index, event.redemptionCount);
  coupons.observer?.beforeRedemption(number);
  coupons.redemptions.rollBack(number);
  const book = coupons.bookOfCode(event.index);
  coupons.countRate(book, coupons.redemptions.atMs(number), -1);
  if (book.hadDiscount) coupons.discounts?.noteRolledBack(book.current.id);
  noteEventOf(coupons, event.index);
}
