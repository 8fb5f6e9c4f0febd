/**
 * A shard is the same before a stop and after the start that follows, whatever the stop was; and so
 * is what PostgreSQL has.
 */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type Api, connect } from '../support/api.js';
import { digestsInPostgres, digestsOf } from '../support/postgres.js';
import { booksByThread, type Load, startLoad, until } from '../support/probe.js';
import { PROBED_MAIN, type Server, startServer, temporaryDirectory } from '../support/server.js';

const directory = await temporaryDirectory();
let server: Server;
let api: Api;

after(async () => {
  api?.close();
  await server?.kill();
  await directory.remove();
});

async function start(shardThreads: number): Promise<void> {
  api?.close();
  server = await startServer(directory.path, { SHARD_THREADS: String(shardThreads) }, PROBED_MAIN);
  api = await connect(server.url);
}

const digests = async () => digestsOf(await server.ask({ ask: 'inspect' }));

/** Random commands of many callers, on books in all shards of two threads. */
async function load(books: readonly (readonly string[])[], operations: number): Promise<Load> {
  const running = startLoad(api, books, { callersPerBook: 4 });
  await until(() => running.answered() > operations, 'the load runs');
  return running;
}

test('every shard has the same digest before a stop and after the next start, also after SIGKILL, with other threads, and out of PostgreSQL', async (t) => {
  await start(2);
  const books = await booksByThread(api, 2, 3, 3000);
  await (await load(books, 2000)).stop();
  const beforeStop = await digests();
  assert.ok(new Set(beforeStop.values()).size > 4, 'there is something in the shards');
  assert.equal(await server.stop(), 0);

  await start(2);
  assert.deepEqual(await digests(), beforeStop, 'after a stop');
  await (await load(books, 1000)).stop();
  const beforeKill = await digests();
  assert.notDeepEqual(beforeKill, beforeStop);
  await server.kill();

  await start(3);
  assert.deepEqual(await digests(), beforeKill, 'after SIGKILL, with another number of threads');
  const broken = await load(books, 1000);
  await server.kill();
  await broken.stop();

  await start(2);
  await until(async () => (await lag()) === 0, 'the projection has caught up');
  const shards = await server.ask({ ask: 'inspect' });
  assert.deepEqual(await digestsInPostgres(directory.path, shards), digestsOf(shards), 'memory is what PostgreSQL has');
  t.diagnostic(`${shards.length} shards, ${shards.reduce((sum, { seq }) => sum + seq, 0)} events`);
  assert.equal(await server.stop(), 0);
  await start(1);
  assert.deepEqual(await digests(), digestsOf(shards), 'and the next start');
  assert.equal(await server.stop(), 0);
});

async function lag(): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(/^clipbook_projection_lag_events (\d+)/m.exec(text)?.[1]);
}
