/** The table of what the stores say and what a start does about it, row by row. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judgeStores, type StoreFacts } from '../../src/compose/judge-stores.js';
import { asSeq, asShardId, type Seq, type ShardId } from '../../src/domain/ids.js';
import type { JournalFacts } from '../../src/journal/identity.js';
import type { DatabaseFacts, InstallationRow } from '../../src/postgres/installation.js';

const A = 'aaaaaaaa-0000-4000-8000-000000000000';
const B = 'bbbbbbbb-0000-4000-8000-000000000000';

const seqs = (...pairs: readonly (readonly [number, number])[]): Map<ShardId, Seq> =>
  new Map(pairs.map(([shard, seq]) => [asShardId(shard), asSeq(seq)]));

const files: JournalFacts = {
  kind: 'file',
  place: '/data/journal',
  installations: [A],
  lacksId: false,
  isEmpty: false,
  ends: null,
  beganAfter: new Map(),
};
const redis: JournalFacts = { ...files, kind: 'redis', place: 'Redis at here:6379', ends: seqs([0, 9], [1, 5]) };
const noId = { installations: [], lacksId: true };
const emptyFiles: JournalFacts = { ...files, ...noId, isEmpty: true };

const free: InstallationRow = {
  id: A,
  epoch: 3,
  holder: null,
  place: 'process 7 on shop',
  isAlive: false,
  seenAt: '',
  journal: '/data/journal',
  isDrained: true,
};
const held: InstallationRow = { ...free, holder: 'lock-1', isAlive: true, isDrained: false };
const named: DatabaseFacts = {
  installation: free,
  shardCount: 2,
  seqs: seqs([0, 9], [1, 5]),
  acceptedLosses: new Set(),
};
const unnamed: DatabaseFacts = { ...named, installation: null };
const fresh: DatabaseFacts = { ...unnamed, shardCount: null, seqs: seqs() };

interface Row {
  readonly stores: string;
  readonly facts: Partial<StoreFacts>;
  readonly verdict: string;
  readonly says?: RegExp;
}

const TABLE: readonly Row[] = [
  { stores: 'nothing anywhere', facts: { journal: emptyFiles, database: fresh }, verdict: 'begin' },
  {
    stores: 'a database that was only migrated, and no journal',
    facts: { journal: emptyFiles, database: { ...unnamed, seqs: seqs() } },
    verdict: 'begin',
  },
  {
    stores: 'different ids',
    facts: { database: { ...named, installation: { ...free, id: B } } },
    verdict: 'foreign',
    says: new RegExp(`${A}.*${B}`),
  },
  {
    stores: 'different ids, even while a lease is alive',
    facts: { database: { ...named, installation: { ...held, id: B } } },
    verdict: 'foreign',
  },
  {
    stores: 'keys of two installations in one Redis',
    facts: { journal: { ...redis, installations: [A, B] } },
    verdict: 'foreign',
    says: new RegExp(`${A}.*${B}`),
  },
  { stores: 'one id, and the lease is over', facts: {}, verdict: 'takeOver' },
  {
    stores: 'one id, and the lease is alive',
    facts: { database: { ...named, installation: held } },
    verdict: 'inUse',
    says: /process 7 on shop/,
  },
  {
    stores: 'one id, and the holder is known to have ended',
    facts: { database: { ...named, installation: held }, endedHolder: 'lock-1' },
    verdict: 'takeOver',
  },
  {
    stores: 'one id, and the lock that was removed is not the holder',
    facts: { database: { ...named, installation: held }, endedHolder: 'lock-0' },
    verdict: 'inUse',
  },
  {
    stores: 'one id in Redis, though the lease is alive',
    facts: { journal: redis, database: { ...named, installation: held } },
    verdict: 'takeOver',
  },
  {
    stores: 'PostgreSQL behind the journal',
    facts: { journal: redis, database: { ...named, seqs: seqs([0, 2]) } },
    verdict: 'takeOver',
  },
  {
    stores: 'PostgreSQL ahead of the journal',
    facts: { journal: redis, database: { ...named, seqs: seqs([0, 9], [1, 6]) } },
    verdict: 'loss',
    says: /shard 1 is at 6, its journal ends at 5; .*clipbook restore$/,
  },
  {
    stores: 'PostgreSQL ahead of the journal, and that was accepted',
    facts: {
      journal: redis,
      database: { ...named, seqs: seqs([0, 9], [1, 6]), acceptedLosses: new Set([asShardId(1)]) },
    },
    verdict: 'takeOver',
  },
  {
    stores: 'PostgreSQL ahead of the journal in one shard more than was accepted',
    facts: {
      journal: redis,
      database: { ...named, seqs: seqs([0, 10], [1, 6]), acceptedLosses: new Set([asShardId(1)]) },
    },
    verdict: 'loss',
  },
  {
    stores: 'the journal empty, the database not',
    facts: { journal: emptyFiles },
    verdict: 'loss',
    says: /everything after sequence 9 of shard 0, 5 of shard 1 is lost; .*clipbook restore --accept-loss$/,
  },
  {
    stores: 'the journal empty, the database without changes, though the id was written into a journal',
    facts: { journal: emptyFiles, database: { ...named, seqs: seqs() } },
    verdict: 'loss',
  },
  {
    stores: 'the journal empty, the database of an older version',
    facts: { journal: emptyFiles, database: unnamed },
    verdict: 'loss',
  },
  {
    stores: 'the journal empty, and the loss was accepted',
    facts: { journal: emptyFiles, database: { ...named, installation: { ...free, journal: null } } },
    verdict: 'takeOver',
  },
  {
    stores: 'an empty database on a Redis that holds an installation',
    facts: { journal: redis, database: fresh },
    verdict: 'foreign',
    says: /clipbook init --new-installation$/,
  },
  {
    stores: 'an empty database on a Redis of an older version',
    facts: { journal: { ...redis, ...noId }, database: fresh },
    verdict: 'foreign',
    says: /clipbook init --new-installation$/,
  },
  {
    stores: 'an empty database on files that hold an installation',
    facts: { database: fresh },
    verdict: 'foreign',
    says: /clipbook init --new-installation$/,
  },
  {
    stores: 'an older version in both',
    facts: { journal: { ...files, ...noId }, database: unnamed },
    verdict: 'adopt',
  },
  {
    stores: 'an older version in both, and nothing was projected yet',
    facts: { journal: { ...redis, ...noId }, database: { ...unnamed, seqs: seqs() } },
    verdict: 'adopt',
  },
  {
    stores: 'an older backup of PostgreSQL beside a journal with an id',
    facts: { database: unnamed },
    verdict: 'foreign',
    says: /clipbook restore$/,
  },
  {
    stores: 'a journal without an id beside a database with one',
    facts: { journal: { ...files, ...noId } },
    verdict: 'foreign',
    says: /clipbook restore$/,
  },
  {
    stores: 'a first start that ended before it had written the id into the journal',
    facts: { journal: { ...files, ...noId }, database: { ...named, installation: { ...free, journal: null } } },
    verdict: 'takeOver',
  },
  {
    stores: 'a Redis that lost the keys of some shards',
    facts: { journal: { ...redis, lacksId: true } },
    verdict: 'loss',
    says: /clipbook restore$/,
  },
];

for (const { stores, facts, verdict, says } of TABLE) {
  test(`${stores}: ${verdict}`, () => {
    const judged = judgeStores({ journal: files, database: named, endedHolder: null, ...facts });
    assert.equal(judged.kind === 'refuse' ? judged.cause : judged.kind, verdict, JSON.stringify(judged));
    if (judged.kind !== 'refuse') return;
    assert.ok(!judged.message.includes('\n'), 'one line');
    if (says !== undefined) assert.match(judged.message, says);
  });
}

test('the id is written into a journal that lacks it, and only then', () => {
  const judged = judgeStores({ journal: files, database: named, endedHolder: null });
  assert.deepEqual(judged, { kind: 'takeOver', id: A, lacksId: false });
  const unwritten = { ...named, installation: { ...free, journal: null } };
  const journal = { ...files, ...noId };
  assert.deepEqual(judgeStores({ journal, database: unwritten, endedHolder: null }), {
    kind: 'takeOver',
    id: A,
    lacksId: true,
  });
});
