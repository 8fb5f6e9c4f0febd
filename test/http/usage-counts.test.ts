/** What an HTTP thread counts of promotions, and when it sends that. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Query } from '../../src/domain/command.js';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import type { QueryReply, QueryResult, UsageCount } from '../../src/engine/engine.js';
import { createUsageCounts } from '../../src/http/server/usage-counts.js';
import { until } from '../support/probe.js';

const MINUTE = 60_000;

function open() {
  const sent: UsageCount[][] = [];
  const asked: string[] = [];
  const clock = { nowMs: 5 * MINUTE };
  const counts = createUsageCounts({
    engine: {
      query(query: Query, _shard, reply) {
        const code = query.kind === 'getCode' ? query.code : '';
        asked.push(code);
        setImmediate(() => reply(found(code)));
      },
    },
    control: { countUsage: async (some) => void sent.push([...some]) },
    nowMs: () => clock.nowMs,
  });
  return { ...counts, sent, asked, clock };
}

/** `SAVE` is the code of promotion p-1. `GONE` is no code any more, `UNIQUE` is one of a book. */
function found(code: string): QueryReply {
  if (code === 'GONE') return { kind: 'refused', reason: 'codeNotFound', detail: '' };
  const result = code === 'SAVE' ? { kind: 'promotion', view: { promotion: { id: 'p-1' } } } : { kind: 'code' };
  return { kind: 'result', result: result as QueryResult, shard: asShardId(0), durableSeq: asSeq(1) };
}

test('validations and applications are sent within a second, and once', async () => {
  const counts = open();
  counts.validated('p-1');
  counts.validated('p-1');
  counts.applied('p-2');
  await until(() => counts.sent.length > 0, 'they are sent');
  assert.deepEqual(counts.sent, [
    [
      { promotionId: 'p-1', minuteMs: 5 * MINUTE, validations: 2, applications: 0 },
      { promotionId: 'p-2', minuteMs: 5 * MINUTE, validations: 0, applications: 1 },
    ],
  ]);
  await counts.close();
  assert.equal(counts.sent.length, 1);
});

test('a refused validation counts for the promotion that has the code, and each code is asked once', async () => {
  const counts = open();
  counts.validated('p-1');
  for (const code of ['SAVE', 'GONE', 'UNIQUE', 'SAVE']) counts.refused(code);
  assert.deepEqual(counts.asked, [], 'nothing is asked on the way of a request');
  await counts.close();
  assert.deepEqual(counts.sent, [[{ promotionId: 'p-1', minuteMs: 5 * MINUTE, validations: 3, applications: 0 }]]);
  assert.deepEqual(counts.asked, ['SAVE', 'GONE', 'UNIQUE']);
});

test('each count belongs to its minute', async () => {
  const counts = open();
  counts.clock.nowMs += MINUTE - 1;
  counts.applied('p-1');
  counts.clock.nowMs += 1;
  counts.applied('p-1');
  counts.refused('SAVE');
  await counts.close();
  assert.deepEqual(counts.sent.flat(), [
    { promotionId: 'p-1', minuteMs: 5 * MINUTE, validations: 0, applications: 1 },
    { promotionId: 'p-1', minuteMs: 6 * MINUTE, validations: 1, applications: 1 },
  ]);
});

test('what is counted in a second is bounded', async () => {
  const counts = open();
  for (let id = 0; id < 20_100; id++) counts.applied(`p-${id}`);
  counts.applied('p-0');
  await counts.close();
  assert.equal(counts.sent[0]?.length, 20_000);
  assert.equal(counts.sent[0]?.[0]?.applications, 2);
});
