import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asSeq } from '../../src/domain/ids.js';
import { type AuditFilter, createAuditReader } from '../../src/postgres/audit-reader.js';
import { createProjectionWriter } from '../../src/postgres/projection/projection-writer.js';
import { eventNumbers } from '../../src/records/events.generated.js';
import { AT_MS, BOOK, SHARD } from './changes.js';
import { projectBook } from './project-book.js';
import { SHARDS, testServer } from './server.js';

const server = testServer();
const OTHER_BOOK = BOOK.replace(/.$/, 'b');
const filter = (some: Partial<AuditFilter>): AuditFilter => ({
  scopeIds: [],
  codes: [],
  userIds: [],
  kinds: [],
  ...some,
});

test('audit rows come in order, filtered, and as far as PostgreSQL has them', async (t) => {
  const { url } = await server.database();
  const writer = createProjectionWriter({ url, shardCount: SHARDS });
  const audit = createAuditReader(url);
  t.after(async () => {
    await audit.close();
    await writer.close();
  });
  const log = await projectBook(url, writer, ['AAA', 'BBB']);
  log.code('AAA', 0, 'ann').add({ kind: 'codeAssigned', atMs: AT_MS });
  log.code('BBB', 1, 'bob').add({ kind: 'codeAssigned', atMs: AT_MS });
  await writer.write(new Map([[SHARD, log.changes]]));
  const read = async (after: number, through: number, of: AuditFilter | null) => {
    const { rows, lastSeq } = await audit.read(SHARD, asSeq(after), asSeq(through), of);
    return [rows.map(({ seq }) => Number(seq)), Number(lastSeq)];
  };

  assert.deepEqual(await read(0, 4, null), [[1, 2, 3, 4], 4]);
  assert.deepEqual(await read(1, 3, null), [[2, 3], 3]);
  assert.deepEqual(await read(0, 100, filter({ userIds: ['bob'] })), [[4], 4], 'the checkpoint is 4');
  assert.deepEqual(await read(0, 100, filter({ codes: ['AAA'], userIds: ['bob'] })), [[3, 4], 4]);
  assert.deepEqual(await read(0, 2, filter({ codes: ['AAA'] })), [[], 2]);
  assert.deepEqual(await read(0, 4, filter({ scopeIds: [BOOK] })), [[1, 2, 3, 4], 4]);
  assert.deepEqual(await read(0, 4, filter({ scopeIds: [OTHER_BOOK] })), [[], 4]);
  assert.deepEqual(await read(0, 4, filter({ kinds: [eventNumbers.codeAssigned] })), [[3, 4], 4]);
  await assert.rejects(read(4, 100, null), /PostgreSQL has shard 1 through 4 only/);
});
