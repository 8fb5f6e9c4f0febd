/**
 * Callers of the role `user` who ask for codes that are not theirs. Such misses are limited, per
 * caller and per address (`Caller.countMiss`). When a limit is used up, the caller's own codes are
 * still served, because misses must not keep users from their own codes. Every other code is
 * refused in the same way, whether it exists or not and whether it is free or not. So further
 * guessing reveals nothing and takes no code.
 */

import type { QueryReply } from '../../engine/engine.js';
import type { Services } from '../server/services.js';
import type { AnswerWriter } from './answer-writer.js';
import type { Caller } from './caller.js';
import type { IncomingRequest } from './request.js';
import type { Work } from './work.js';

/** What is needed of an exchange. */
interface Guess {
  readonly services: Services;
  readonly request: IncomingRequest;
  readonly caller: Caller;
  readonly answer: AnswerWriter;
  readonly work: Work;
  readonly isOver: boolean;
}

/** Calls `handle` if the code of the path is the caller's own; every other one is refused. */
export function serveOwnCode(guess: Guess, blockedUntilMs: number, handle: () => void): void {
  const { services, request, caller, answer, work } = guess;
  work.run(async () => {
    const reply = await work.askQuery({ kind: 'getCode', code: request.param(0) }, null);
    if (guess.isOver) return;
    if (reply.kind === 'unavailable') answer.refuse(reply);
    else if (isCodeOf(caller, reply)) handle();
    else {
      services.counters.add('missesRefused', 1);
      answer.retryLater('too-many-misses', 'Too many unknown codes were tried.', blockedUntilMs - services.nowMs());
    }
  });
}

function isCodeOf(caller: Caller, reply: QueryReply): boolean {
  return reply.kind === 'result' && reply.result.kind === 'code' && reply.result.code.userId === caller.id;
}
