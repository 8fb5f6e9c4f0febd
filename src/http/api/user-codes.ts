/**
 * A user's codes may be in any shard. All shards that are left are asked at once, because most
 * users have a few codes and then one round answers; the page then takes from them in their order,
 * so that it can be continued. A shard that gave more than the page still takes is asked again, to
 * learn where it has to go on.
 */

import type { CodeStatus, CodeView } from '../../domain/command.js';
import { asShardId, type BookId } from '../../domain/ids.js';
import type { QueryReply } from '../../engine/engine.js';
import type { Exchange } from '../exchange/exchange.js';

interface UserCodesFilter {
  readonly userId: string;
  readonly bookId: BookId | null;
  readonly status: CodeStatus | null;
}

/** The next page begins after this index (-1: with the first) of this shard. */
interface UserCodesPosition {
  readonly shard: number;
  readonly afterIndex: number;
}

interface UserCodesPage {
  readonly items: readonly CodeView[];
  readonly next: UserCodesPosition | null;
}

type Failure = Exclude<QueryReply, { readonly kind: 'result' }>;

/** At most `limit` codes from `start` on, or why they can't be told. */
export async function collectUserCodes(
  exchange: Exchange,
  filter: UserCodesFilter,
  limit: number,
  start: UserCodesPosition,
): Promise<UserCodesPage | Failure> {
  const { engine } = exchange.services;
  const only = filter.bookId === null ? null : engine.shardOfBook(filter.bookId);
  const shards: number[] = [];
  for (let shard = start.shard; shard < engine.shardCount; shard++)
    if (only === null || shard === only) shards.push(shard);
  const afterIndexOf = (shard: number): number => (shard === start.shard ? start.afterIndex : -1);
  const ask = (shard: number, most: number): Promise<QueryReply> =>
    exchange.work.askQuery(
      { kind: 'listUserCodes', ...filter, afterIndex: afterIndexOf(shard), limit: most },
      asShardId(shard),
    );

  const replies = await Promise.all(shards.map((shard) => ask(shard, limit)));
  const items: CodeView[] = [];
  for (const [i, shard] of shards.entries()) {
    let page = pageOf(replies[i]);
    if ('kind' in page) return page;
    const remaining = limit - items.length;
    if (page.items.length === 0 && page.nextIndex === null) continue;
    if (remaining === 0) return { items, next: { shard, afterIndex: afterIndexOf(shard) } };
    if (page.items.length > remaining) {
      page = pageOf(await ask(shard, remaining));
      if ('kind' in page) return page;
    }
    items.push(...page.items);
    if (page.nextIndex !== null) return { items, next: { shard, afterIndex: page.nextIndex } };
  }
  return { items, next: null };
}

function pageOf(
  reply: QueryReply | undefined,
): Failure | { readonly items: readonly CodeView[]; readonly nextIndex: number | null } {
  if (reply === undefined) throw new Error('a shard that was not asked');
  if (reply.kind !== 'result') return reply;
  if (reply.result.kind !== 'codes') throw new Error(`a ${reply.result.kind} for codes`);
  return reply.result.page;
}
