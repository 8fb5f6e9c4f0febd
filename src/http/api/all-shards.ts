/** A question to every shard. */
import type { Query } from '../../domain/command.js';
import { asShardId } from '../../domain/ids.js';
import type { QueryReply, QueryResult } from '../../engine/engine.js';
import type { Exchange } from '../exchange/exchange.js';

type NoResult = Exclude<QueryReply, { readonly kind: 'result' }>;
type ResultOf<Kind extends QueryResult['kind']> = Extract<QueryResult, { readonly kind: Kind }>;

/** Their results, which are of this kind; or why one of them did not answer. */
export async function askAllShards<Kind extends QueryResult['kind']>(
  exchange: Exchange,
  asked: Query,
  kind: Kind,
): Promise<readonly ResultOf<Kind>[] | NoResult> {
  const results: ResultOf<Kind>[] = [];
  for (const reply of await askEach(exchange, asked)) {
    if (reply.kind !== 'result') return reply;
    if (reply.result.kind !== kind) throw new Error(`a ${reply.result.kind} for ${kind}`);
    results.push(reply.result as ResultOf<Kind>);
  }
  return results;
}

/** What each of them answers, in their order. */
export function askEach({ services, work }: Exchange, asked: Query): Promise<readonly QueryReply[]> {
  const { shardCount } = services.engine;
  return Promise.all(Array.from({ length: shardCount }, (_, shard) => work.askQuery(asked, asShardId(shard))));
}
