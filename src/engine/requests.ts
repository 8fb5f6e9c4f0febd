/** Requests to an actor, and its replies. */
import type { Command, Origin, Query, StagedBatch } from '../domain/command.js';
import type { ShardId } from '../domain/ids.js';
import type { CommandReply, QueryReply, Unavailable } from './engine.js';

/** `to` and `id` identify the requester; the actor returns them with the reply. */
export type ActorRequest =
  | {
      readonly kind: 'command';
      readonly to: number;
      readonly id: number;
      readonly shard: ShardId;
      readonly command: Command;
      readonly origin: Origin;
    }
  | {
      readonly kind: 'query';
      readonly to: number;
      readonly id: number;
      readonly shard: ShardId;
      readonly query: Query;
    };

export interface ActorReply {
  readonly to: number;
  readonly id: number;
  /**
   * Whose fields the reply need not repeat on its way; null: a query, or a request that was not
   * decided.
   */
  readonly command: Command | null;
  readonly reply: CommandReply | QueryReply;
}

export function refused({ to, id }: { readonly to: number; readonly id: number }, reply: Unavailable): ActorReply {
  return { to, id, command: null, reply };
}

export function unavailable(reason: Unavailable['reason'], retryAfterMs: number): Unavailable {
  return { kind: 'unavailable', reason, retryAfterMs };
}

export function batchOf(command: Command): StagedBatch | null {
  const { kind } = command;
  const hasBatch = kind === 'addCodes' || kind === 'createBook' || kind === 'createPromotion';
  return hasBatch ? command.codes : null;
}
