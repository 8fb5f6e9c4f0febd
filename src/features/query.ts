/** Reads, of the kernel and of all features. */
import type { Query } from '../domain/command.js';
import type { Refusal } from '../domain/outcome.js';
import type { QueryResult } from '../domain/view.js';
import { queryCoupons } from './coupons/queries.js';
import type { ShardState } from './shard-state.js';

export function query(state: ShardState, asked: Query, nowMs: number): QueryResult | Refusal {
  if (asked.kind !== 'isKeyRemembered') return queryCoupons(state.coupons, asked, nowMs);
  const { caller, bookId, isCreation, key } = asked;
  const scope = isCreation ? null : bookId;
  return { kind: 'answer', isTrue: state.remembered.find(caller, scope, key, nowMs) !== null };
}
