import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CodeView } from '../../src/domain/command.js';
import { asSeq, type ShardId } from '../../src/domain/ids.js';
import { collectUserCodes } from '../../src/http/api/user-codes.js';
import type { Exchange } from '../../src/http/exchange/exchange.js';

const FILTER = { userId: 'ann', bookId: null, status: null };

/** A request whose shards answer with these pages, by shard and by where the page begins. */
function asking(pages: Readonly<Record<string, { codes: string[]; nextIndex: number | null }>>): Exchange {
  const exchange = {
    services: { engine: { shardCount: 3 } },
    work: {
      askQuery: async ({ afterIndex }: { afterIndex: number }, shard: ShardId) => {
        const { codes, nextIndex } = pages[`${shard} ${afterIndex}`] ?? { codes: [], nextIndex: null };
        const items = codes.map((code) => ({ code }) as CodeView);
        const page = { items, nextIndex };
        return { kind: 'result', shard, durableSeq: asSeq(1), result: { kind: 'codes', page } };
      },
    },
  };
  return exchange as unknown as Exchange;
}

test('a shard that looked at as many codes as it may and found none is asked again from there, before the next shard', async () => {
  const exchange = asking({
    '0 -1': { codes: ['A'], nextIndex: null },
    '1 -1': { codes: [], nextIndex: 49_999 },
    '1 49999': { codes: ['B'], nextIndex: null },
    '2 -1': { codes: ['C'], nextIndex: null },
  });
  const seen: string[] = [];
  let start: { shard: number; afterIndex: number } | null = { shard: 0, afterIndex: -1 };
  const starts: string[] = [];
  while (start !== null) {
    const page: Awaited<ReturnType<typeof collectUserCodes>> = await collectUserCodes(exchange, FILTER, 10, start);
    assert.ok('items' in page);
    seen.push(...page.items.map(({ code }) => code));
    start = page.next;
    if (start !== null) starts.push(`${start.shard} ${start.afterIndex}`);
  }
  assert.deepEqual([seen, starts], [['A', 'B', 'C'], ['1 49999']]);
});
