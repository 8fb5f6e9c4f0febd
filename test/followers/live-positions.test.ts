/** The live thread and an HTTP thread's side of it, over a real journal. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastSeqOf } from '../../src/domain/event.js';
import { asShardId } from '../../src/domain/ids.js';
import { createFeed } from '../../src/feed/feed.js';
import { createHub } from '../../src/followers/live/hub.js';
import { createSource } from '../../src/followers/live/source.js';
import { type Account, LiveClient } from '../../src/http/live/client.js';
import { LIVE_COUNTERS_BYTES } from '../../src/http/live/counters.js';
import { createLive } from '../../src/http/live/live.js';
import { encodeChanges } from '../../src/journal/codec.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { createMemoryControl, createMemoryEngine } from '../http/memory-parts.js';
import { changeLog, SHARD } from '../postgres/changes.js';

const STAFF: Account = { caller: 'admin', role: 'admin', generation: 0, endsMs: Number.POSITIVE_INFINITY };
const log = { debug() {}, warn() {}, error: (fields: object) => assert.fail(JSON.stringify(fields)) };

test('a client that begins while the live thread is behind does not move the cursors of others', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-live-'));
  const engine = createMemoryEngine();
  const shards = Array.from({ length: engine.shardCount }, (_, shard) => asShardId(shard));
  const journal = openFileJournal({ directory });
  const writer = await journal.openWriter(shards);
  const feed = createFeed(await journal.openReader());
  const noAudit = { read: () => Promise.reject(new Error('the journal has all')), close: async () => {} };
  const hub = createHub({ shards, feed, source: createSource({ feed, audit: noAudit }), log });
  t.after(async () => {
    await hub.stop();
    await journal.close();
    rmSync(directory, { recursive: true });
  });
  const live = createLive({
    engine,
    control: createMemoryControl(),
    counters: new SharedArrayBuffer(LIVE_COUNTERS_BYTES),
    log,
    limits: { connectionsMax: 10, perCallerMax: 10, topicsMax: 10 },
    dataSet: new Uint8Array(32),
    nowMs: Date.now,
    publish: () => assert.fail('nobody follows'),
  });
  const link = hub.connect((message) => onMessage(message));
  const onMessage = live.connect({ postMessage: (message) => link.receive(message) });

  function open(onSent: (text: string) => void = () => {}) {
    const sent: string[] = [];
    const client = new LiveClient(
      live,
      { send, backlog: () => 0, follow: null, unfollow() {}, tick() {}, close() {} },
      STAFF,
    );
    function send(text: string): boolean {
      onSent(text);
      return sent.push(text) > 0;
    }
    const subscribe = () => client.subscribe({ topics: ['user:ada'], since: null, snapshot: false });
    return { client, sent, subscribe };
  }
  const seqOf = (client: LiveClient): number => {
    const decoded = live.cursors.decode(client.cursor());
    return decoded?.kind === 'positions' ? (decoded.positions.get(SHARD) ?? -1) : -1;
  };
  const hasEvent = (sent: readonly string[]): boolean => sent.some((text) => text.includes('coupon.assigned'));

  const first = open();
  await first.subscribe();
  assert.equal(first.client.isLive, true);
  const change = changeLog().code('LATE-1', 0, 'ada').add({ kind: 'codeAssigned', atMs: Date.now() });
  const [firstSeq, lastSeq] = [change.firstSeq, lastSeqOf(change)];
  const entry = { shard: SHARD, firstSeq, lastSeq, payload: encodeChanges([change]) };
  let isChecked = false;
  const second = open((text) => {
    if (!text.includes('"subscribed"')) return;
    isChecked = true;
    assert.equal(hasEvent(first.sent), false, 'the live thread has not looked yet');
    assert.ok(seqOf(first.client) < firstSeq, 'so the cursor of the first client is before the event');
    assert.equal(seqOf(second.client), lastSeq, 'the second one begins at the present');
  });
  await new Promise<void>((resolve, reject) => {
    writer.append([entry], (error) => {
      if (error === null) second.subscribe().then(resolve, reject);
      else reject(error);
    });
  });
  assert.ok(isChecked);
  assert.equal(hasEvent(second.sent), false);
  while (!hasEvent(first.sent)) await sleep(1);
  assert.equal(seqOf(first.client), lastSeq);
});
