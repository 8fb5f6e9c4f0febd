/** Taking a code back from its user, into the pool of its book. */
import { bookIsArchived, type Decided, refuse } from '../../domain/decision.js';
import type { UnassignCode } from '../../records/commands.generated.js';
import { command, event, outcome } from '../../records/declare.js';
import type { CodeUnassigned } from '../../records/events.generated.js';
import { bookId, code, textOrNull } from '../../records/fields.js';
import { BOOK_ID, CODE } from '../../records/story.js';
import {
  aboutCode,
  codeNotFound,
  noteEventOf,
  ofCode,
  REASON_LENGTH_MAX,
  redemptionsOf,
  seenByOwner,
} from './checks.js';
import { AVAILABLE } from './code-table.js';
import type { Coupons } from './state.js';

export const codeUnassigned = event(
  'codeUnassigned',
  7,
  { ...ofCode, reason: textOrNull() },
  { shownAs: 'coupon.unassigned', live: seenByOwner, row: { user_id: null, assigned_ms: null }, detail: ['reason'] },
);

export const unassigned = outcome(
  'unassigned',
  9,
  { bookId: bookId().as('couponBookId'), code: code() },
  { memory: 'json', answer: 'fields' },
);

export const unassignCode = command(
  'unassignCode',
  { code: code(), reason: textOrNull() },
  {
    gives: unassigned,
    refusals: ['codeNotFound', 'bookArchived', 'notAssigned', 'codeLocked', 'codeRedeemed'],
    message: { request: 7, reply: 6 },
    http: {
      method: 'POST',
      path: '/api/v1/coupons/{code}/unassign',
      tag: 'Coupons',
      summary: 'Put an assigned code back into the pool',
      may: 'adminOrService',
      title: 'UnassignInput',
      body: { reason: { max: REASON_LENGTH_MAX } },
      answer: 'Back in the pool',
      examples: {
        bodies: {
          plain: { summary: 'Without a reason', value: {} },
          reason: { summary: 'With a reason', value: { reason: 'The account was closed' } },
        },
        answers: { unassigned: { summary: 'Back in the pool', value: { couponBookId: BOOK_ID, code: CODE } } },
      },
    },
  },
);

export function decideUnassignCode(
  coupons: Coupons,
  { code, reason }: UnassignCode,
  nowMs: number,
): Decided<typeof unassignCode> {
  const index = coupons.codes.find(code);
  if (index === -1) return codeNotFound();
  const { id: bookId, archivedMs } = coupons.bookOfCode(index).current;
  if (archivedMs !== null) return bookIsArchived();
  if (coupons.codes.phase(index) === AVAILABLE) return refuse('notAssigned', 'This code is not assigned.');
  const record = coupons.codes.record(index);
  if (coupons.leases.untilMs(record) > nowMs)
    return refuse('codeLocked', 'This code is locked.', coupons.leases.untilMs(record));
  if (redemptionsOf(coupons, index) > 0) return refuse('codeRedeemed', 'This code has been redeemed.');
  const about = aboutCode(coupons, index, code, coupons.users.name(coupons.userOf(record)));
  return {
    kind: 'decision',
    scopeId: bookId,
    events: [{ kind: 'codeUnassigned', reason, ...about }],
    outcome: { kind: 'unassigned', bookId, code },
  };
}

export function applyCodeUnassigned(coupons: Coupons, event: CodeUnassigned): void {
  // Otherwise a lease that is over but not announced yet would stay on a code without a user.
  coupons.unlock(event.index);
  coupons.giveBack(event.index);
  noteEventOf(coupons, event.index);
}
