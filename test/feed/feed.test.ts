import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Change, lastSeqOf } from '../../src/domain/event.js';
import { asSeq, asShardId, type Seq } from '../../src/domain/ids.js';
import { hashOfEntry } from '../../src/feed/entry-hash.js';
import { type ChangeBatch, createFeed, EntryUnreadable, type Feed } from '../../src/feed/feed.js';
import { encodeChanges } from '../../src/journal/codec.js';
import { openFileJournal } from '../../src/journal/file/file-journal.js';
import { type Entry, JournalTrimmed } from '../../src/journal/journal.js';
import { BOOK, changeLog } from '../postgres/changes.js';

const SHARD = asShardId(3);
const LARGE = 1 << 20;

interface Rig {
  readonly feed: Feed;
  append(entry: Entry): Promise<void>;
  /** An entry of so many changes of two events each. */
  add(changeCount: number): Promise<Entry>;
}

async function rig(t: TestContext): Promise<Rig> {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-feed-'));
  const journal = openFileJournal({ directory });
  const writer = await journal.openWriter([SHARD]);
  const feed = createFeed(await journal.openReader());
  t.after(async () => {
    await feed.close();
    await journal.close();
    rmSync(directory, { recursive: true });
  });
  const log = changeLog();
  const append = (entry: Entry): Promise<void> =>
    new Promise((resolve, reject) => writer.append([entry], (error) => (error === null ? resolve() : reject(error))));
  return {
    feed,
    append,
    async add(changeCount) {
      const noted = { kind: 'noted', scopeId: BOOK } as const;
      const changes = Array.from({ length: changeCount }, () => log.add([noted, noted]));
      const entry = entryOf(changes);
      await append(entry);
      return entry;
    },
  };
}

function entryOf(changes: readonly Change[]): Entry {
  const [first, last] = [changes[0] as Change, changes.at(-1) as Change];
  return { shard: SHARD, firstSeq: first.firstSeq, lastSeq: lastSeqOf(last), payload: encodeChanges(changes) };
}

const seqsOf = (batch: ChangeBatch | null): Seq[] => [...(batch?.changes() ?? [])].map(({ firstSeq }) => firstSeq);

async function seqsThrough(feed: Feed, afterSeq: number, throughSeq: number): Promise<Seq[]> {
  const seqs: Seq[] = [];
  for await (const batch of feed.readThrough(SHARD, asSeq(afterSeq), asSeq(throughSeq))) seqs.push(...seqsOf(batch));
  return seqs;
}

test('a batch begins after the sequence, even inside an entry, and its end is where the next one begins', async (t) => {
  const { feed, add } = await rig(t);
  assert.equal(await feed.read(SHARD, asSeq(0), LARGE), null, 'nothing is durable yet');
  const entries = [await add(2), await add(1), await add(2)];
  const [first, , third] = entries;

  const batch = await feed.read(SHARD, asSeq(2), 1);
  assert.ok(batch !== null);
  assert.deepEqual(seqsOf(batch), [3]);
  assert.deepEqual(seqsOf(batch), [3], 'a batch can be iterated again');
  assert.deepEqual(
    { afterSeq: batch.afterSeq, lastSeq: batch.lastSeq, bytes: batch.bytes },
    { afterSeq: 2, lastSeq: 4, bytes: first?.payload.length },
  );

  const rest = await feed.read(SHARD, batch.lastSeq, LARGE);
  assert.ok(rest !== null);
  assert.deepEqual(seqsOf(rest), [5, 7, 9]);
  assert.deepEqual(rest.entryHash(), hashOfEntry(third as Entry));
  assert.equal(feed.durableSeq(SHARD), rest.lastSeq);
  assert.equal(await feed.read(SHARD, rest.lastSeq, LARGE), null);
});

test('a reading through a sequence ends there, also inside an entry', async (t) => {
  const { feed, add } = await rig(t);
  await add(1);
  await add(3);
  assert.deepEqual(await seqsThrough(feed, 0, 6), [1, 3, 5]);
  assert.deepEqual(await seqsThrough(feed, 4, 4), []);
  await assert.rejects(seqsThrough(feed, 4, 10), JournalTrimmed, 'the journal ends before');
});

test('a wait ends when the sequence becomes durable, and gives up in time', async (t) => {
  const { feed, add } = await rig(t);
  const isDurable = feed.untilDurable(SHARD, asSeq(2), 60_000);
  await add(1);
  assert.equal(await isDurable, true);
  assert.equal(await feed.untilDurable(SHARD, asSeq(3), 1), false);
});

test('an entry that does not decode is refused with its shard and sequence', async (t) => {
  const { feed, add, append } = await rig(t);
  await add(1);
  await append({ shard: SHARD, firstSeq: asSeq(3), lastSeq: asSeq(4), payload: Buffer.from([99, 1]) });
  const batch = await feed.read(SHARD, asSeq(2), LARGE);
  assert.throws(() => seqsOf(batch), {
    name: 'EntryUnreadable',
    message: /sequence 3 of shard 3 can not be read: .*payload version 99/,
  });
});

test('an entry whose changes are not those of its sequences is refused', async (t) => {
  const { feed, add, append } = await rig(t);
  const { payload } = await add(1);
  await append({ shard: SHARD, firstSeq: asSeq(3), lastSeq: asSeq(4), payload });
  await assert.rejects(seqsThrough(feed, 0, 4), EntryUnreadable);
});

test('entries that do not follow each other are refused', async () => {
  const changes = changeLog();
  const [one, two, three] = [1, 2, 3].map(() => entryOf([changes.add([{ kind: 'noted', scopeId: BOOK }])]));
  const feedOf = (...entries: (Entry | undefined)[]): Feed =>
    createFeed({
      durableSeq: () => asSeq(3),
      read: async () => entries as Entry[],
      size: async () => 0,
      sinceMs: async () => null,
      close: async () => undefined,
    });
  assert.deepEqual(seqsOf(await feedOf(one, two, three).read(SHARD, asSeq(0), LARGE)), [1, 2, 3]);
  await assert.rejects(feedOf(one, three).read(SHARD, asSeq(0), LARGE), /sequence 2 was expected/);
  await assert.rejects(feedOf(two, three).read(SHARD, asSeq(0), LARGE), /sequence 1 was expected/);
  await assert.rejects(feedOf(one, two, two).read(SHARD, asSeq(0), LARGE), /sequence 3 was expected/);
});

test('the feed knows whether a sequence is there, and whether an entry is the same', async (t) => {
  const { feed, add } = await rig(t);
  const entry = await add(2);
  assert.equal(await feed.has(SHARD, asSeq(1)), true);
  assert.equal(await feed.has(SHARD, asSeq(5)), false, 'still to come');
  assert.equal(await feed.isSameEntry(SHARD, asSeq(4), hashOfEntry(entry)), true);
  assert.equal(await feed.isSameEntry(SHARD, asSeq(4), hashOfEntry({ ...entry, firstSeq: asSeq(2) })), false);
  assert.equal(await feed.isSameEntry(SHARD, asSeq(5), hashOfEntry(entry)), null);
});
