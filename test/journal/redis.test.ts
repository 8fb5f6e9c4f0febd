import { after } from 'node:test';
import type { Journal } from '../../src/journal/journal.js';
import { createDurableBuffer } from '../../src/journal/redis/durable.js';
import { openRedisJournal } from '../../src/journal/redis/redis-journal.js';
import { journalConformance } from './conformance.js';
import { startRedis } from './redis-server.js';

const log = { info: () => undefined, warn: () => undefined };

const server = await startRedis();
const journals: Journal[] = [];
after(async () => {
  for (const journal of journals) await journal.close();
  await server.destroy();
});

async function open(durable?: SharedArrayBuffer): Promise<Journal> {
  const journal = await openRedisJournal({ url: server.url, log, ...(durable === undefined ? {} : { durable }) });
  journals.push(journal);
  return journal;
}

async function closeAll(): Promise<void> {
  for (const journal of journals.splice(0)) await journal.close();
}

async function emptied(): Promise<void> {
  await closeAll();
  await server.command('FLUSHALL');
}

journalConformance(
  'redis',
  async () => {
    await emptied();
    let durable = createDurableBuffer();
    return {
      open: () => open(durable),
      restart: async () => {
        await closeAll();
        durable = createDurableBuffer();
      },
      destroy: closeAll,
    };
  },
  { unacknowledged: 'kept' },
);
