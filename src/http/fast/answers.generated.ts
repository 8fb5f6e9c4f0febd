/**
 * Outcomes as the JSON of HTTP answers, written as bytes; answer-bytes.ts says why.
 *
 * Written by `npm run generate` from the declarations in src/records/. Do not edit.
 */
import type { Done } from '../../engine/engine.js';
import { expectOutcome } from '../api/views.js';
import type { Exchange } from '../exchange/exchange.js';
import { millis, upToSecond } from './iso-time.js';

export function showAssigned(x: Exchange, done: Done): void {
  const { bookId, code, userId, assignedMs } = expectOutcome(done, 'assigned');
  x.write()
    .ascii('{"couponBookId":"')
    .ascii(bookId)
    .ascii('","code":"')
    .ascii(code)
    .ascii('","userId":')
    .json(userId)
    .ascii(',"assignedAt":"')
    .ascii(upToSecond(assignedMs))
    .ascii(millis(assignedMs))
    .ascii('"}');
  x.changedAsWritten(done);
}

export function showLocked(x: Exchange, done: Done): void {
  const { code, userId, lockId, untilMs } = expectOutcome(done, 'locked');
  x.write()
    .ascii('{"code":"')
    .ascii(code)
    .ascii('","userId":')
    .json(userId)
    .ascii(',"lockId":')
    .whole(lockId)
    .ascii(',"lockedUntil":"')
    .ascii(upToSecond(untilMs))
    .ascii(millis(untilMs))
    .ascii('"}');
  x.changedAsWritten(done);
}

export function showUnlocked(x: Exchange, done: Done): void {
  const { code, userId } = expectOutcome(done, 'unlocked');
  x.write().ascii('{"code":"').ascii(code).ascii('","userId":').json(userId).ascii('}');
  x.changedAsWritten(done);
}

export function showRedeemed(x: Exchange, done: Done): void {
  const { code, userId, redemptionId, redeemedMs, redemptionCount, remaining } = expectOutcome(done, 'redeemed');
  x.write()
    .ascii('{"code":"')
    .ascii(code)
    .ascii('","userId":')
    .json(userId)
    .ascii(',"redemptionId":"')
    .ascii(redemptionId)
    .ascii('","redeemedAt":"')
    .ascii(upToSecond(redeemedMs))
    .ascii(millis(redeemedMs))
    .ascii('","redemptionCount":')
    .whole(redemptionCount)
    .ascii(',"remaining":')
    .wholeOrNull(remaining)
    .ascii('}');
  x.changedAsWritten(done);
}

export function showRolledBack(x: Exchange, done: Done): void {
  const { code, redemptionId, redemptionCount, remaining } = expectOutcome(done, 'rolledBack');
  x.write()
    .ascii('{"code":"')
    .ascii(code)
    .ascii('","redemptionId":"')
    .ascii(redemptionId)
    .ascii('","redemptionCount":')
    .whole(redemptionCount)
    .ascii(',"remaining":')
    .wholeOrNull(remaining)
    .ascii('}');
  x.changedAsWritten(done);
}

export function showUnassigned(x: Exchange, done: Done): void {
  const { bookId, code } = expectOutcome(done, 'unassigned');
  x.write().ascii('{"couponBookId":"').ascii(bookId).ascii('","code":"').ascii(code).ascii('"}');
  x.changedAsWritten(done);
}
