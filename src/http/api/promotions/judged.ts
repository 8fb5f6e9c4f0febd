/**
 * Conditions are judged on the HTTP thread, against the version of the promotion that the request
 * then names. A shard that meets a condition without a verdict, or with one of another version,
 * says so, and the conditions are judged again.
 */
import type { Command, Query } from '../../../domain/command.js';
import type { CommandReply, Done, QueryReply } from '../../../engine/engine.js';
import { exponentOf } from '../../../features/promotions/pricing/currencies.js';
import { fromMinorUnits } from '../../../features/promotions/pricing/money.js';
import { compileCondition } from '../../../promotions/condition.js';
import type { PriceRequest, Verdict } from '../../../records/objects.js';
import type { Cart } from '../../../records/promotions.js';
import type { AnswerWriter } from '../../exchange/answer-writer.js';
import type { Exchange } from '../../exchange/exchange.js';
import type { CommandRefused, QueryRefused, ShowResult } from '../../exchange/work.js';

/** A condition that changes while it is judged is changed again and again by somebody. */
const TRIES_MAX = 3;

export interface JudgedUser {
  readonly id: string | null;
  readonly segments: readonly string[] | null;
  readonly attributes: Readonly<Record<string, unknown>> | null;
}

interface Needed {
  readonly promotionId: string;
  readonly version: number;
  readonly condition: string;
}

/** What is asked, and the user whom its conditions see. */
export interface Asked {
  readonly request: PriceRequest;
  readonly user: JudgedUser;
}

/**
 * Asks, and judges conditions first where the shard asks for it. Most requests meet none: they are
 * answered from the callbacks of `Work`, without a promise.
 */
export function queryJudged(
  exchange: Exchange,
  asked: Asked,
  queryFor: (request: PriceRequest) => Query,
  show: ShowResult,
  refuse: (exchange: Exchange, reply: QueryRefused) => void,
): void {
  const { work, answer } = exchange;
  work.query(queryFor(asked.request), show, (_, refused) => {
    if (!isUnjudged(refused)) return refuse(exchange, refused);
    work.run(async () => {
      const reply = await judged<QueryReply>(exchange, asked, refused, (request) =>
        work.askQuery(queryFor(request), null),
      );
      if (reply.kind === 'result') show(answer, reply.result);
      else refuse(exchange, reply);
    });
  });
}

/** The same for a command. */
export function commandJudged(
  exchange: Exchange,
  asked: Asked,
  commandFor: (request: PriceRequest) => Command,
  show: (answer: AnswerWriter, done: Done) => void,
  refuse: (exchange: Exchange, reply: CommandRefused) => void,
): void {
  const { work, answer } = exchange;
  work.command(commandFor(asked.request), show, (_, refused) => {
    if (!isUnjudged(refused)) return refuse(exchange, refused);
    const origin = exchange.request.origin();
    work.run(async () => {
      const reply = await judged<CommandReply>(exchange, asked, refused, (request) =>
        work.askCommand(commandFor(request), origin),
      );
      if (reply.kind === 'done') show(answer, reply);
      else if (reply.kind === 'result') throw new Error('a result for a command');
      else refuse(exchange, reply);
    });
  });
}

/** Judges what the shard refused as unjudged, and sends the request again. */
async function judged<Reply extends CommandReply | QueryReply>(
  exchange: Exchange,
  { request, user }: Asked,
  refused: Reply,
  send: (request: PriceRequest) => Promise<Reply>,
): Promise<Reply | QueryReply> {
  let reply = refused;
  for (let tries = 1; tries < TRIES_MAX && isUnjudged(reply); tries++) {
    const needed: QueryReply = await exchange.work.askQuery({ kind: 'neededConditions', request }, null);
    if (needed.kind !== 'result') return needed;
    if (needed.result.kind !== 'conditions') throw new Error(`a ${needed.result.kind} for conditions`);
    reply = await send({ ...request, verdicts: verdictsOn(needed.result.needed, request.cart, user) });
  }
  return reply;
}

const isUnjudged = (reply: CommandReply | QueryReply): boolean =>
  reply.kind === 'refused' && reply.reason === 'conditionsUnjudged';

/** A condition sees amounts as callers send them. */
export function verdictsOn(needed: readonly Needed[], cart: Cart, user: JudgedUser): Verdict[] {
  const exponent = exponentOf(cart.currency) ?? 2;
  const shown = {
    total: fromMinorUnits(cart.total, exponent),
    lines: cart.lines?.map((line) => ({ ...line, unitPrice: fromMinorUnits(line.unitPrice, exponent) })) ?? null,
    shipping: cart.shipping === null ? null : fromMinorUnits(cart.shipping, exponent),
    currency: cart.currency,
  };
  return needed.map(({ promotionId, version, condition }) => {
    const compiled = compileCondition(condition);
    // It was compiled when it was taken; another version may bound its cost in another way.
    if ('error' in compiled) return { promotionId, version, reason: compiled.error };
    const judgement = compiled.judge(shown, user);
    return { promotionId, version, reason: judgement.isMet ? null : judgement.reason };
  });
}
