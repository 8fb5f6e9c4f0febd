/**
 * Callers of the role `user` who ask for codes that are not theirs. Such misses are limited, per
 * caller and per address (`Answering.codeNotFound` counts them). When a limit is used up, the
 * caller's own codes are still served, because misses must not keep users from their own codes.
 * Every other code is refused in the same way, whether it exists or not and whether it is free or
 * not. So further guessing reveals nothing and takes no code.
 */

import type { Query } from '../../domain/command.js';
import type { QueryReply } from '../../engine/engine.js';
import type { Answering } from './answering.js';

/** What is needed of an exchange. */
interface Guesser extends Pick<Answering, 'caller' | 'services' | 'isOver' | 'address' | 'refuse' | 'retryLater'> {
  param(index: number): string;
  askQuery(query: Query, shard: null): Promise<QueryReply>;
  run(work: () => Promise<void>): void;
}

/** When the caller may miss again, Unix ms; 0: now. */
export function missesBlockedUntil(x: Guesser): number {
  const { misses } = x.services;
  if (misses.ofCaller.isEmpty()) return 0;
  const nowMs = x.services.nowMs();
  return Math.max(misses.ofCaller.blockedUntil(x.caller, nowMs), misses.ofAddress.blockedUntil(x.address(), nowMs));
}

/** Calls `handle` if the code of the path is the caller's own; every other one is refused. */
export function serveOwnCode(x: Guesser, blockedUntilMs: number, handle: () => void): void {
  x.run(async () => {
    const reply = await x.askQuery({ kind: 'getCode', code: x.param(0) }, null);
    if (x.isOver) return;
    if (reply.kind === 'unavailable') x.refuse(reply);
    else if (isOwnCode(reply, x.caller)) handle();
    else {
      x.services.counters.add('missesRefused', 1);
      x.retryLater('too-many-misses', 'Too many unknown codes were tried.', blockedUntilMs - x.services.nowMs());
    }
  });
}

function isOwnCode(reply: QueryReply, caller: string): boolean {
  return reply.kind === 'result' && reply.result.kind === 'code' && reply.result.code.userId === caller;
}
