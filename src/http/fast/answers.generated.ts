/**
 * Outcomes as the JSON of HTTP answers, written as bytes; answer-bytes.ts says why.
 *
 * Written by `npm run generate` from the declarations in src/. Do not edit.
 */
import type { Done } from '../../engine/engine.js';
import { expectOutcome } from '../api/views.js';
import type { AnswerWriter } from '../exchange/answer-writer.js';
import { millis, upToSecond } from './iso-time.js';

export function showAssigned(answer: AnswerWriter, done: Done): void {
  const { bookId, code, userId, assignedMs } = expectOutcome(done, 'assigned');
  answer
    .write()
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
  answer.changedAsWritten(done);
}

export function showLocked(answer: AnswerWriter, done: Done): void {
  const { code, userId, lockId, untilMs } = expectOutcome(done, 'locked');
  answer
    .write()
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
  answer.changedAsWritten(done);
}

export function showUnlocked(answer: AnswerWriter, done: Done): void {
  const { code, userId } = expectOutcome(done, 'unlocked');
  answer.write().ascii('{"code":"').ascii(code).ascii('","userId":').json(userId).ascii('}');
  answer.changedAsWritten(done);
}

export function showRedeemed(answer: AnswerWriter, done: Done): void {
  const { code, userId, redemptionId, redeemedMs, redemptionCount, remaining } = expectOutcome(done, 'redeemed');
  answer
    .write()
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
  answer.changedAsWritten(done);
}

export function showRolledBack(answer: AnswerWriter, done: Done): void {
  const { code, redemptionId, redemptionCount, remaining } = expectOutcome(done, 'rolledBack');
  answer
    .write()
    .ascii('{"code":"')
    .ascii(code)
    .ascii('","redemptionId":"')
    .ascii(redemptionId)
    .ascii('","redemptionCount":')
    .whole(redemptionCount)
    .ascii(',"remaining":')
    .wholeOrNull(remaining)
    .ascii('}');
  answer.changedAsWritten(done);
}

export function showUnassigned(answer: AnswerWriter, done: Done): void {
  const { bookId, code } = expectOutcome(done, 'unassigned');
  answer.write().ascii('{"couponBookId":"').ascii(bookId).ascii('","code":"').ascii(code).ascii('"}');
  answer.changedAsWritten(done);
}
