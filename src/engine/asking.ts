/**
 * The main thread's own commands and questions, as promises. All reject with `ControlError` while
 * the shard does not serve.
 */

import type { Command, Query } from '../domain/command.js';
import type { BookId, ShardId } from '../domain/ids.js';
import type { BatchFate, Outcome } from '../domain/outcome.js';
import type { QueryResult } from '../domain/view.js';
import type { UpdatePromotion } from '../records/commands.generated.js';
import type { Promotion } from '../records/promotions.js';
import type { OpenBatch } from '../records/values.generated.js';
import { ControlError, type Engine, type Unavailable } from './engine.js';

const AGAIN_MS = 200;

type BatchCommand = Extract<Command, { kind: 'openBatch' | 'giveUpBatch' }>;

/**
 * Rejects if the outcome is unknown too: the caller then has no batch, and a batch that was opened
 * is given up later.
 */
export function tellBatch(engine: Engine, command: BatchCommand, by: { caller: string; requestId: string }) {
  return new Promise<Outcome>((resolve, reject) => {
    engine.command(command, { ...by, idempotency: null }, (reply) => {
      if (reply.kind === 'done') resolve(reply.outcome);
      else reject(reply.kind === 'refused' ? new ControlError('unavailable', reply.detail) : failureOf(reply));
    });
  });
}

export async function askFate(engine: Engine, bookId: BookId, batchId: number): Promise<BatchFate> {
  return (await ask(engine, { kind: 'batchFate', bookId, batchId }, null)).fate;
}

export async function askOpenBatches(engine: Engine, shard: ShardId): Promise<readonly OpenBatch[]> {
  return (await ask(engine, { kind: 'listOpenBatches' }, shard)).items;
}

export async function isKeyRemembered(
  engine: Engine,
  { bookId, isCreation, caller, key }: Omit<Extract<Query, { kind: 'isKeyRemembered' }>, 'kind'>,
): Promise<boolean> {
  return (await ask(engine, { kind: 'isKeyRemembered', bookId, isCreation, caller, key }, null)).isTrue;
}

/** Promotions of this shard whose windows and periods are not known up to this time, up to 100. */
export async function askEndingPlans(engine: Engine, shard: ShardId, beforeMs: number): Promise<readonly Promotion[]> {
  const { found } = await ask(engine, { kind: 'endingPlans', beforeMs }, shard);
  return found.items.map(({ promotion }) => promotion);
}

/** Somebody else may change the promotion first: that makes a new plan, too. */
export function renewPlan(engine: Engine, renewed: Omit<UpdatePromotion, 'kind'>): Promise<void> {
  const origin = { caller: 'system', requestId: '', idempotency: null };
  return new Promise((resolve, reject) => {
    engine.command({ kind: 'updatePromotion', ...renewed }, origin, (reply) => {
      if (reply.kind === 'unavailable') reject(failureOf(reply));
      else resolve();
    });
  });
}

/** The result of each of these queries. */
interface Answers {
  readonly batchFate: 'batchFate';
  readonly listOpenBatches: 'openBatches';
  readonly isKeyRemembered: 'answer';
  readonly endingPlans: 'promotions';
}

function ask<Kind extends keyof Answers>(
  engine: Engine,
  question: Extract<Query, { kind: Kind }>,
  shard: ShardId | null,
): Promise<Extract<QueryResult, { kind: Answers[Kind] }>> {
  return new Promise((resolve, reject) => {
    engine.query(question, shard, (reply) => {
      // A shard answers each query with a result of its kind.
      if (reply.kind === 'result') resolve(reply.result as Extract<QueryResult, { kind: Answers[Kind] }>);
      else reject(reply.kind === 'refused' ? new ControlError('unavailable', reply.detail) : failureOf(reply));
    });
  });
}

/** The shard does not serve now, and will again. */
class ShardAway extends ControlError {}

/** Asks again and again while the shard is away, until `isOver`. */
export async function whenServed<T>(ask: () => Promise<T>, isOver: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ShardAway) || isOver()) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS).unref());
    }
  }
}

function failureOf({ reason }: Unavailable): ControlError {
  switch (reason) {
    case 'noRoom':
      return new ControlError(reason, 'The change could not be made durable, for want of room; nothing was changed.');
    case 'draining':
      return new ControlError(reason, 'The server is shutting down; nothing was changed.');
    case 'recovering':
    case 'overloaded':
    case 'outcomeUnknown':
      return new ShardAway('unavailable', 'This part of the engine is recovering; nothing was changed.');
  }
}
