import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { JournalDamaged, JournalFenced, JournalRolledBack, JournalTrimmed } from '../../src/journal/journal.js';
import {
  openRedisJournal,
  type RedisJournal,
  type RedisJournalOptions,
} from '../../src/journal/redis/redis-journal.js';
import { all, commit, entry } from './conformance.js';
import { createOwner, type Owner } from './redis-owner.js';
import { startProxy } from './redis-proxy.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { waitFor } from './wait-for.js';

const log = { info: () => undefined, warn: () => undefined };
const s0 = asShardId(0);
const s1 = asShardId(1);
/** A port that nobody listens on. */
const NOWHERE = 1;
const shards = Array.from({ length: 8 }, (_, index) => asShardId(index));

const ends: (() => Promise<void>)[] = [];
after(async () => {
  for (const end of ends.reverse()) await end();
});

async function redis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const server = await startRedis(settings);
  ends.push(() => server.destroy());
  return server;
}

async function open(url: string, options: Partial<RedisJournalOptions> = {}): Promise<RedisJournal> {
  const journal = await openRedisJournal({ url, log, ...options });
  ends.push(() => journal.close());
  return journal;
}

async function proxyTo(server: RedisServer) {
  const proxy = await startProxy(server.port);
  ends.push(() => proxy.close());
  return proxy;
}

/** Lets the owner go on for some commits. */
async function commitsOf(owner: Owner, count: number): Promise<void> {
  const until = owner.commits + count;
  await waitFor(() => owner.commits >= until, `${count} commits`);
}

test('SIGKILL of Redis under load, again and again: nothing acknowledged is lost or doubled', async () => {
  const server = await redis();
  const owner = createOwner(await open(server.url), shards);
  const ran = owner.run();
  for (let round = 0; round < 5; round += 1) {
    await commitsOf(owner, 200);
    await server.kill();
    await server.start();
    const backMs = performance.now();
    await commitsOf(owner, 1);
    assert.ok(performance.now() - backMs < 2000, `back after ${performance.now() - backMs} ms`);
  }
  await commitsOf(owner, 200);
  owner.stop();
  await ran;
  await owner.verify();
});

test('the writer waits through a pause of Redis within appendMsMax', async () => {
  const server = await redis();
  const owner = createOwner(await open(server.url), shards);
  const ran = owner.run();
  await commitsOf(owner, 50);
  server.pause();
  await sleep(2000);
  server.resume();
  await commitsOf(owner, 50);
  owner.stop();
  await ran;
  assert.deepEqual(owner.errors, []);
  assert.equal(owner.openings, 1);
  await owner.verify();
});

test('a longer pause gives the commits up; what arrives late is kept in order or refused', async () => {
  const server = await redis();
  const owner = createOwner(await open(server.url, { appendMsMax: 300 }), shards);
  const ran = owner.run();
  for (let round = 0; round < 3; round += 1) {
    await commitsOf(owner, 50);
    server.pause();
    await waitFor(() => owner.errors.length > round, 'the commits in flight are given up');
    await sleep(300);
    server.resume();
  }
  await commitsOf(owner, 50);
  owner.stop();
  await ran;
  await owner.verify();
});

test('CLIENT KILL under load: nothing acknowledged is lost or doubled', async () => {
  const server = await redis();
  const owner = createOwner(await open(server.url), shards);
  const ran = owner.run();
  for (let round = 0; round < 10; round += 1) {
    await commitsOf(owner, 30);
    await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  }
  await commitsOf(owner, 30);
  owner.stop();
  await ran;
  assert.ok(owner.openings > 1);
  await owner.verify();
});

test('a connection that is cut in the middle of a reply: nothing acknowledged is lost or doubled', async () => {
  const server = await redis();
  const proxy = await proxyTo(server);
  const owner = createOwner(await open(proxy.url), shards);
  const ran = owner.run();
  for (let round = 0; round < 12; round += 1) {
    await commitsOf(owner, 20);
    // Replies are `:1\r\n`: one to four bytes of one, or of the second.
    const openings = owner.openings;
    proxy.cutAfterReplyBytes(1 + (round % 6));
    await waitFor(() => owner.openings > openings, 'another writer is open');
  }
  owner.stop();
  await ran;
  await owner.verify();
});

test('an append that arrives after its writer was replaced is refused', async () => {
  const server = await redis();
  const proxy = await proxyTo(server);
  const slow = await open(proxy.url);
  const direct = await open(server.url);
  const older = await slow.openWriter([s0]);
  await commit(older, [entry(s0, 1, 1, 'a1')]);
  const release = proxy.holdRequests();
  const failing = assert.rejects(commit(older, [entry(s0, 2, 2, 'held up')]));
  await sleep(50);
  proxy.cutClients();
  await failing;
  const newer = await direct.openWriter([s0], new Map([[s0, asSeq(1)]]));
  assert.equal(newer.lastSeqs.get(s0), 1);
  release();
  await commit(newer, [entry(s0, 2, 2, 'a2')]);
  assert.deepEqual(await all(direct, s0), ['1-1 a1', '2-2 a2']);
});

test('an append whose answer was lost is found once at the next opening', async () => {
  const server = await redis();
  const proxy = await proxyTo(server);
  const journal = await open(proxy.url);
  const writer = await journal.openWriter([s0, s1]);
  await commit(writer, [entry(s0, 1, 2, 'a1')]);
  const release = proxy.holdRequests();
  const failing = assert.rejects(commit(writer, [entry(s0, 3, 3, 'a2'), entry(s1, 1, 1, 'b1')]));
  await sleep(50);
  proxy.cutClients();
  await failing;
  release();
  await waitFor(async () => (await server.command('XLEN', 'clipbook:{0}:journal')) === 2, 'the append has arrived');
  const next = await journal.openWriter([s0, s1], new Map([[s0, asSeq(2)]]));
  assert.deepEqual([...next.lastSeqs.values()], [3, 1]);
  assert.deepEqual(await all(journal, s0), ['1-2 a1', '3-3 a2']);
});

test('readers see nothing that is not acknowledged', async () => {
  const server = await redis();
  const proxy = await proxyTo(server);
  const journal = await open(proxy.url);
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  const reader = await journal.openReader();
  assert.equal((await reader.read(s0, asSeq(0), 1000)).length, 1);
  const failing = assert.rejects(commit(writer, [entry(s0, 2, 2, 'a2')]));
  proxy.cutAfterReplyBytes(1);
  await failing;
  assert.equal(await server.command('XLEN', 'clipbook:{0}:journal'), 2);
  assert.deepEqual(await reader.read(s0, asSeq(1), 1000), []);
});

test('while Redis is away and nothing is in flight there is no room; afterwards the same writer goes on', async () => {
  const server = await redis();
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  await server.kill();
  await waitFor(() => !writer.hasRoom(), 'the loss is noticed');
  await server.start();
  await waitFor(() => writer.hasRoom(), 'the connection is back');
  await commit(writer, [entry(s0, 2, 2, 'a2')]);
  assert.deepEqual(await all(journal, s0), ['1-1 a1', '2-2 a2']);
});

test('a writer whose shard was taken over while Redis was away is fenced', async () => {
  const server = await redis();
  const proxy = await proxyTo(server);
  const writer = await (await open(proxy.url)).openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  proxy.retarget(NOWHERE);
  await waitFor(() => !writer.hasRoom(), 'the loss is noticed');
  await (await open(server.url)).openWriter([s0]);
  proxy.retarget(server.port);
  await waitFor(() => writer.hasRoom(), 'the writer gave up');
  await assert.rejects(commit(writer, [entry(s0, 2, 2, 'stale')]), JournalFenced);
});

test('a stream that lost its tail while its connection was away is noticed before anything is appended', async () => {
  const server = await redis();
  const proxy = await proxyTo(server);
  const writer = await (await open(proxy.url)).openWriter([s0]);
  await commit(writer, [entry(s0, 1, 1, 'a1')]);
  await commit(writer, [entry(s0, 2, 2, 'a2')]);
  const end = new Promise<Error>((resolve) => writer.ownership?.onEnd(resolve));
  proxy.retarget(NOWHERE);
  await waitFor(() => !writer.hasRoom(), 'the loss is noticed');
  await server.command('XDEL', 'clipbook:{0}:journal', '2-0');
  proxy.retarget(server.port);
  await waitFor(() => writer.hasRoom(), 'the writer is connected again, or has given up');
  assert.equal(writer.ownership?.isSure(), false, 'reads would show what is lost');
  const error = await end;
  assert.ok(error instanceof JournalRolledBack, String(error));
  assert.deepEqual([error.shard, error.lostFrom, error.lostThrough], [s0, 2, 2]);
});

test('a writer with nothing to append learns within a second that its shard was taken over, and does not take it back', async () => {
  const server = await redis();
  const first = await open(server.url);
  const writer = await first.openWriter([s0]);
  assert.equal(writer.ownership?.isSure(), true);
  const ended = new Promise<Error>((resolve) => writer.ownership?.onEnd(resolve));
  const newer = await (await open(server.url)).openWriter([s0]);
  const takenMs = performance.now();
  assert.ok((await ended) instanceof JournalFenced);
  assert.ok(performance.now() - takenMs < 1000);
  assert.equal(writer.ownership?.isSure(), false);
  await assert.rejects(first.openWriter([s0]), JournalFenced);
  await commit(newer, [entry(s0, 1, 1, 'newer')]);
});

test('a writer that can not ask Redis is not sure of its shards any more after a second, and is again when Redis is back', async () => {
  const server = await redis();
  const writer = await (await open(server.url)).openWriter([s0]);
  server.pause();
  await waitFor(() => writer.ownership?.isSure() === false, 'it is unsure');
  server.resume();
  await waitFor(() => writer.ownership?.isSure() === true, 'it is sure again');
  await commit(writer, [entry(s0, 1, 1, 'on')]);
});

test('a second process that takes the shard over makes the first one stop', async () => {
  const server = await redis();
  const first = rival(server.url, 'first');
  assert.equal(await first.line(), 'appending');
  const second = rival(server.url, 'second');
  const [what, seq] = (await first.line()).split(' after ');
  assert.equal(what, 'JournalFenced');
  assert.equal(await second.line(), 'appending');
  second.child.kill('SIGKILL');
  const journal = await open(server.url);
  await journal.openWriter([s0]);
  const texts = await all(journal, s0);
  // The first one's entries end where it says, and the second one's begin right after.
  assert.deepEqual(
    texts.map((text) => text.split(' ')[1]),
    texts.map((_, index) => (index < Number(seq) ? 'first' : 'second')),
  );
});

test('a stream that lost its tail is noticed at the next append, and the loss is named', async () => {
  const server = await redis();
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0, s1]);
  await commit(writer, [entry(s0, 1, 3, 'a1'), entry(s1, 1, 1, 'b1')]);
  await commit(writer, [entry(s0, 4, 6, 'a2')]);
  await commit(writer, [entry(s0, 7, 7, 'a3')]);
  await server.command('XDEL', 'clipbook:{0}:journal', '4-0', '7-0');
  const named = (error: unknown): boolean => {
    assert.ok(error instanceof JournalRolledBack, String(error));
    assert.deepEqual([error.shard, error.lostFrom, error.lostThrough], [s0, 4, 7]);
    return true;
  };
  await assert.rejects(commit(writer, [entry(s0, 8, 8, 'a4'), entry(s1, 2, 2, 'b2')]), named);
  const durable = new Map([
    [s0, asSeq(7)],
    [s1, asSeq(1)],
  ]);
  await assert.rejects(journal.openWriter([s0, s1], durable), named);
  // A process that knows nothing still sees that higher numbers were there.
  const other = await open(server.url);
  await assert.rejects(other.openWriter([s0, s1]), JournalRolledBack);

  const next = await other.openWriter([s0, s1], durable, new Map([[s0, asSeq(0)]]));
  assert.deepEqual([...next.lastSeqs.values()], [3, 1]);
  await commit(next, [entry(s0, 4, 4, 'a2 anew'), entry(s1, 2, 2, 'b2')]);
  assert.deepEqual(await all(other, s0), ['1-3 a1', '4-4 a2 anew']);
});

test('after the loss of a journal, entries continue after the snapshot, and no read crosses the gap', async () => {
  const server = await redis();
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 3, 'a1')]);
  await commit(writer, [entry(s0, 4, 6, 'a2')]);
  await server.command('XDEL', 'clipbook:{0}:journal', '4-0');
  const durable = new Map([[s0, asSeq(6)]]);
  await assert.rejects(journal.openWriter([s0], durable), JournalRolledBack);
  const next = await journal.openWriter([s0], durable, new Map([[s0, asSeq(5)]]));
  assert.equal(next.lastSeqs.get(s0), 5);
  await commit(next, [entry(s0, 6, 6, 'a3')]);
  assert.deepEqual(await all(journal, s0, 5), ['6-6 a3']);
  const reader = await journal.openReader();
  for (const before of [0, 3, 4]) await assert.rejects(reader.read(s0, asSeq(before), 1000), JournalTrimmed);

  await server.command('FLUSHALL');
  await assert.rejects(commit(next, [entry(s0, 7, 7, 'a4')]));
  await assert.rejects(journal.openWriter([s0], new Map([[s0, asSeq(6)]])), JournalRolledBack);
  const last = await journal.openWriter([s0], new Map([[s0, asSeq(6)]]), new Map([[s0, asSeq(6)]]));
  await commit(last, [entry(s0, 7, 7, 'a4')]);
  assert.deepEqual(await all(journal, s0, 6), ['7-7 a4']);
});

test('a failover to a replica that was behind is noticed, and nothing is written onto the hole', async () => {
  const main = await redis();
  const replica = await redis();
  await replica.command('REPLICAOF', '127.0.0.1', main.port);
  const proxy = await proxyTo(main);
  const journal = await open(proxy.url);
  const writer = await journal.openWriter([s0]);
  await commit(writer, [entry(s0, 1, 2, 'a1')]);
  await waitFor(async () => (await replica.command('XLEN', 'clipbook:{0}:journal')) === 1, 'the replica has it');
  await replica.command('REPLICAOF', 'NO', 'ONE');
  await commit(writer, [entry(s0, 3, 9, 'a2')]);
  proxy.retarget(NOWHERE);
  await waitFor(() => !writer.hasRoom(), 'the loss is noticed');
  proxy.retarget(replica.port);
  await waitFor(() => writer.hasRoom(), 'the writer has seen the other server');
  const named = (error: unknown): boolean =>
    error instanceof JournalRolledBack && error.lostFrom === 3 && error.lostThrough === 9;
  await assert.rejects(commit(writer, [entry(s0, 10, 10, 'a3')]), named);
  await assert.rejects(journal.openWriter([s0], new Map([[s0, asSeq(9)]])), named);
  assert.equal(await replica.command('XLEN', 'clipbook:{0}:journal'), 1);
});

test('an entry that was changed by hand stops the opening or the read, and is named', async () => {
  const server = await redis();
  const journal = await open(server.url);
  const writer = await journal.openWriter([s0]);
  for (let seq = 1; seq <= 3; seq += 1) await commit(writer, [entry(s0, seq, seq, `a${seq}`)]);
  // The middle one goes: each of the others is whole by itself, but they don't follow each other.
  await server.command('XDEL', 'clipbook:{0}:journal', '2-0');
  const reader = await journal.openReader();
  assert.equal((await reader.read(s0, asSeq(0), 1000)).length, 1);
  await assert.rejects(reader.read(s0, asSeq(1), 1000), JournalTrimmed);
  await server.command('XADD', 'clipbook:{0}:journal', '4-0', 'e', 'x'.repeat(100));
  await assert.rejects((await open(server.url)).openWriter([s0]), (error) => {
    assert.ok(error instanceof JournalDamaged);
    assert.deepEqual([error.place, error.offset], ['clipbook:{0}:journal', 4]);
    return true;
  });
});

function rival(url: string, name: string) {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('redis-rival.ts', import.meta.url)), url, name],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  ends.push(async () => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  lines.on('line', (line) => said.push(line));
  return {
    child,
    async line(): Promise<string> {
      while (said.length === 0) await once(lines, 'line');
      return said.shift() ?? '';
    },
  };
}
