/**
 * What every journal must do, whatever its medium. A new one calls `journalConformance` with a name
 * and a way to open it.
 */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { asSeq, asShardId, type Seq, SHARDS_MAX, type ShardId } from '../../src/domain/ids.js';
import type { Entry, Journal, JournalWriter } from '../../src/journal/journal.js';
import { JournalFenced, JournalRolledBack, JournalTrimmed } from '../../src/journal/journal.js';
import { waitFor } from './wait-for.js';

/** One medium, empty at first, that trims in units of at most 64 KiB or so. */
export interface JournalMedium {
  /** Another journal on the same medium, as another thread of the same process has it. */
  open(): Promise<Journal>;
  /** Closes every journal that was opened and forgets what the process knows, as a restart does. */
  restart(): Promise<void>;
  destroy(): Promise<void>;
}

/**
 * `unacknowledged`: what becomes of whole entries that nobody was told of, once `startAfter` says
 * so.
 */
export function journalConformance(
  name: string,
  create: () => Promise<JournalMedium>,
  { unacknowledged }: { readonly unacknowledged: 'void' | 'kept' } = { unacknowledged: 'void' },
): void {
  describe(`${name} journal`, () => {
    const media: JournalMedium[] = [];
    after(async () => {
      for (const medium of media) await medium.destroy();
    });
    async function medium(): Promise<JournalMedium> {
      const made = await create();
      media.push(made);
      return made;
    }

    test('an empty shard begins after 0 and reads as nothing', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0, s1]);
      assert.deepEqual(
        [...writer.lastSeqs],
        [
          [s0, 0],
          [s1, 0],
        ],
      );
      assert.equal(writer.hasRoom(), true);
      assert.deepEqual(await all(journal, s0), []);
    });

    test('entries are read back in order, byte for byte', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0]);
      await commit(writer, [entry(s0, 1, 3, 'one')]);
      await commit(writer, [entry(s0, 4, 4, 'two')]);
      await commit(writer, [entry(s0, 5, 9, 'three')]);
      assert.deepEqual(await all(journal, s0), ['1-3 one', '4-4 two', '5-9 three']);
      assert.deepEqual(await all(journal, s0, 4), ['5-9 three']);
      assert.deepEqual(await all(journal, s0, 9), []);
    });

    test('a read from inside an entry begins with that entry', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0]);
      await commit(writer, [entry(s0, 1, 5, 'one')]);
      await commit(writer, [entry(s0, 6, 6, 'two')]);
      assert.deepEqual(await all(journal, s0, 3), ['1-5 one', '6-6 two']);
    });

    test('one commit carries several shards, each with its own sequence', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0, s1, s2]);
      await commit(writer, [entry(s0, 1, 1, 'a1'), entry(s2, 1, 4, 'c1')]);
      await commit(writer, [entry(s2, 5, 5, 'c2'), entry(s1, 1, 2, 'b1')]);
      assert.deepEqual(await all(journal, s0), ['1-1 a1']);
      assert.deepEqual(await all(journal, s1), ['1-2 b1']);
      assert.deepEqual(await all(journal, s2), ['1-4 c1', '5-5 c2']);
    });

    test('done is called after append returned, in the order of the appends, with as many in flight as allowed', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0]);
      const landed: number[] = [];
      let appended = 0;
      let isAppending = false;
      await new Promise<void>((resolve, reject) => {
        const fill = (): void => {
          while (appended < 40 && appended - landed.length < writer.inFlightMax) {
            appended += 1;
            const seq = appended;
            isAppending = true;
            writer.append([entry(s0, seq, seq, `n${seq}`)], (error) => {
              if (error !== null) return reject(error);
              if (isAppending) return reject(new Error('done was called before append returned'));
              landed.push(seq);
              if (landed.length === 40) resolve();
              else fill();
            });
            isAppending = false;
          }
        };
        fill();
      });
      assert.deepEqual(
        landed,
        Array.from({ length: 40 }, (_, index) => index + 1),
      );
      assert.equal((await all(journal, s0)).length, 40);
    });

    test('an entry that does not follow the one before it is refused, and the writer stays usable', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0]);
      await commit(writer, [entry(s0, 1, 2, 'one')]);
      const ignore = () => undefined;
      assert.throws(() => writer.append([entry(s0, 2, 2, 'again')], ignore));
      assert.throws(() => writer.append([entry(s0, 4, 4, 'gap')], ignore));
      assert.throws(() => writer.append([entry(s1, 1, 1, 'not mine')], ignore));
      assert.throws(() => writer.append([entry(s0, 3, 3, 'twice'), entry(s0, 4, 4, 'twice')], ignore));
      await commit(writer, [entry(s0, 3, 3, 'two')]);
      assert.deepEqual(await all(journal, s0), ['1-2 one', '3-3 two']);
    });

    test('after a restart a writer goes on where the last one stopped', async () => {
      const on = await medium();
      const first = await (await on.open()).openWriter([s0, s1]);
      await commit(first, [entry(s0, 1, 3, 'a1'), entry(s1, 1, 1, 'b1')]);
      await commit(first, [entry(s0, 4, 4, 'a2')]);
      await on.restart();
      const journal = await on.open();
      const second = await journal.openWriter([s0, s1, s2]);
      assert.deepEqual(
        [...second.lastSeqs],
        [
          [s0, 4],
          [s1, 1],
          [s2, 0],
        ],
      );
      await commit(second, [entry(s0, 5, 5, 'a3'), entry(s1, 2, 2, 'b2')]);
      assert.deepEqual(await all(journal, s0), ['1-3 a1', '4-4 a2', '5-5 a3']);
      assert.deepEqual(await all(journal, s1), ['1-1 b1', '2-2 b2']);
    });

    test('shards move between writers over a restart', async () => {
      const on = await medium();
      const [one, other] = [await on.open(), await on.open()];
      const [writer01, writer2] = [await one.openWriter([s0, s1]), await other.openWriter([s2])];
      await commit(writer01, [entry(s0, 1, 1, 'a1'), entry(s1, 1, 1, 'b1')]);
      await commit(writer2, [entry(s2, 1, 1, 'c1')]);
      await on.restart();
      const [three, four] = [await on.open(), await on.open()];
      const [writer12, writer0] = [await three.openWriter([s1, s2]), await four.openWriter([s0])];
      await commit(writer12, [entry(s1, 2, 2, 'b2'), entry(s2, 2, 2, 'c2')]);
      await commit(writer0, [entry(s0, 2, 2, 'a2')]);
      await on.restart();
      const journal = await on.open();
      const writer = await journal.openWriter([s0, s1, s2]);
      assert.deepEqual([...writer.lastSeqs.values()], [2, 2, 2]);
      assert.deepEqual(await all(journal, s0), ['1-1 a1', '2-2 a2']);
      assert.deepEqual(await all(journal, s1), ['1-1 b1', '2-2 b2']);
      assert.deepEqual(await all(journal, s2), ['1-1 c1', '2-2 c2']);
    });

    test('a newer writer fences the older one out', async () => {
      const journal = await (await medium()).open();
      const older = await journal.openWriter([s0, s1]);
      await commit(older, [entry(s0, 1, 1, 'a1')]);
      const newer = await journal.openWriter([s0, s1]);
      assert.deepEqual([...newer.lastSeqs.values()], [1, 0]);
      await assert.rejects(commit(older, [entry(s0, 2, 2, 'stale')]), JournalFenced);
      await assert.rejects(commit(older, [entry(s1, 1, 1, 'stale')]), JournalFenced);
      await commit(newer, [entry(s0, 2, 2, 'a2')]);
      assert.deepEqual(await all(journal, s0), ['1-1 a1', '2-2 a2']);
      await older.close();
    });

    test('a newer writer of another thread fences the older one out', async () => {
      const on = await medium();
      const older = await (await on.open()).openWriter([s0]);
      await commit(older, [entry(s0, 1, 1, 'a1')]);
      const newer = await (await on.open()).openWriter([s0]);
      await assert.rejects(commit(older, [entry(s0, 2, 2, 'stale')]), JournalFenced);
      await commit(newer, [entry(s0, 2, 2, 'a2')]);
      assert.deepEqual(await all(await on.open(), s0), ['1-1 a1', '2-2 a2']);
    });

    if (unacknowledged === 'void') {
      test('entries after startAfter are void, also for those who open later', async () => {
        const on = await medium();
        const first = await (await on.open()).openWriter([s0, s1]);
        await commit(first, [entry(s0, 1, 2, 'a1'), entry(s1, 1, 1, 'b1')]);
        await commit(first, [entry(s0, 3, 3, 'a2 void'), entry(s1, 2, 2, 'b2')]);
        await on.restart();
        const second = await (await on.open()).openWriter([s0, s1], new Map([[s0, asSeq(2)]]));
        assert.deepEqual([...second.lastSeqs.values()], [2, 2]);
        await commit(second, [entry(s0, 3, 4, 'a2')]);
        assert.deepEqual(await all(await on.open(), s0), ['1-2 a1', '3-4 a2']);
        await on.restart();
        const journal = await on.open();
        const third = await journal.openWriter([s0, s1]);
        assert.deepEqual([...third.lastSeqs.values()], [4, 2]);
        assert.deepEqual(await all(journal, s0), ['1-2 a1', '3-4 a2']);
        assert.deepEqual(await all(journal, s1), ['1-1 b1', '2-2 b2']);
      });
    } else {
      test('entries after startAfter stay, and lastSeqs says so', async () => {
        const on = await medium();
        const first = await (await on.open()).openWriter([s0, s1]);
        await commit(first, [entry(s0, 1, 2, 'a1'), entry(s1, 1, 1, 'b1')]);
        await commit(first, [entry(s0, 3, 3, 'a2'), entry(s1, 2, 2, 'b2')]);
        await on.restart();
        const journal = await on.open();
        const second = await journal.openWriter([s0, s1], new Map([[s0, asSeq(2)]]));
        assert.deepEqual([...second.lastSeqs.values()], [3, 2]);
        await commit(second, [entry(s0, 4, 4, 'a3')]);
        assert.deepEqual(await all(journal, s0), ['1-2 a1', '3-3 a2', '4-4 a3']);
      });
    }

    test('entries that readers saw as durable stay valid, even if their writer was not told', async () => {
      const journal = await (await medium()).open();
      const first = await journal.openWriter([s0]);
      await commit(first, [entry(s0, 1, 1, 'a1')]);
      await commit(first, [entry(s0, 2, 2, 'a2')]);
      assert.equal((await all(journal, s0)).length, 2);
      const second = await journal.openWriter([s0], new Map([[s0, asSeq(1)]]));
      assert.equal(second.lastSeqs.get(s0), 2);
    });

    test('lost acknowledged entries are named', async () => {
      const on = await medium();
      const first = await (await on.open()).openWriter([s0]);
      await commit(first, [entry(s0, 1, 7, 'a1')]);
      await on.restart();
      await assert.rejects((await on.open()).openWriter([s0], new Map([[s0, asSeq(12)]])), (error) => {
        assert.ok(error instanceof JournalRolledBack);
        assert.deepEqual([error.shard, error.lostFrom, error.lostThrough], [s0, 8, 12]);
        return true;
      });
    });

    test('a shard that went on after an accepted loss stands there at the next opening, too', async () => {
      const made = await medium();
      const first = await (await made.open()).openWriter([s0, s1], undefined, new Map([[s0, asSeq(7)]]));
      assert.deepEqual([first.lastSeqs.get(s0), first.lastSeqs.get(s1)], [7, 0]);
      await made.restart();
      const journal = await made.open();
      const second = await journal.openWriter([s0, s1]);
      assert.deepEqual([second.lastSeqs.get(s0), second.lastSeqs.get(s1)], [7, 0]);
      await commit(second, [entry(s0, 8, 8, 'a8')]);
      await made.restart();
      const third = await (await made.open()).openWriter([s0, s1], new Map([[s0, asSeq(8)]]));
      assert.equal(third.lastSeqs.get(s0), 8);
    });

    test('nothing from before an accepted loss is read any more, and what came after it is', async () => {
      const made = await medium();
      const first = await (await made.open()).openWriter([s0, s1, s2]);
      await commit(first, [entry(s0, 1, 3, 'before'), entry(s1, 1, 3, 'before'), entry(s2, 1, 3, 'whole')]);
      await made.restart();
      const accepted = new Map([
        [s0, asSeq(7)],
        [s1, asSeq(3)],
      ]);
      const second = await (await made.open()).openWriter([s0, s1, s2], undefined, accepted);
      assert.deepEqual([...second.lastSeqs.values()], [7, 3, 3]);
      for (let times = 0; times < 3; times += 1) {
        const journal = await made.open();
        if (times > 0) await journal.openWriter([s0, s1, s2]);
        for (const [shard, began] of accepted) {
          assert.equal(await isTrimmed(journal, shard, 0), true, `shard ${shard}, opening ${times}`);
          assert.equal(await isTrimmed(journal, shard, began - 1), true);
          assert.deepEqual(await all(journal, shard, began), []);
        }
        assert.deepEqual(await all(journal, s2), ['1-3 whole']);
        await made.restart();
      }
      const writer = await (await made.open()).openWriter([s0, s1, s2]);
      await commit(writer, [entry(s0, 8, 9, 'after'), entry(s1, 4, 4, 'after')]);
      await made.restart();
      const journal = await made.open();
      await journal.openWriter([s0, s1, s2]);
      for (const [shard, began] of accepted) {
        assert.equal(await isTrimmed(journal, shard, 0), true);
        assert.equal((await all(journal, shard, began)).length, 1);
      }
    });

    test('bytesMax bounds a read, but one entry always comes', async () => {
      const journal = await (await medium()).open();
      const writer = await journal.openWriter([s0]);
      for (let seq = 1; seq <= 20; seq += 1) await commit(writer, [entry(s0, seq, seq, 'x'.repeat(1000))]);
      const reader = await journal.openReader();
      assert.equal((await reader.read(s0, asSeq(0), 1)).length, 1);
      const some = await reader.read(s0, asSeq(0), 5000);
      assert.ok(some.length >= 4 && some.length <= 6, `${some.length} entries`);
      assert.deepEqual(
        (await reader.read(s0, asSeq(18), 1_000_000)).map(({ lastSeq }) => lastSeq),
        [19, 20],
      );
    });

    test('large payloads come back whole, among small ones', async () => {
      const on = await medium();
      const journal = await on.open();
      const writer = await journal.openWriter([s0, s1]);
      const large = Buffer.alloc(300_000, 'large ');
      await commit(writer, [entry(s0, 1, 1, 'small')]);
      await commit(writer, [{ ...entry(s0, 2, 2, ''), payload: large }, entry(s1, 1, 1, 'beside it')]);
      await commit(writer, [entry(s0, 3, 3, 'small')]);
      for (const opened of [journal, await on.open()]) {
        const reader = await opened.openReader();
        const entries = await reader.read(s0, asSeq(0), 10_000_000);
        assert.deepEqual(
          entries.map(({ payload }) => payload.length),
          [5, 300_000, 5],
        );
        assert.ok(Buffer.from(entries[1]?.payload ?? []).equals(large));
      }
      await on.restart();
      assert.equal((await (await on.open()).openWriter([s0])).lastSeqs.get(s0), 3);
    });

    test('a reader of another thread follows while entries come, through many segments', async () => {
      const on = await medium();
      const writer = await (await on.open()).openWriter([s0, s1]);
      const reader = await (await on.open()).openReader();
      const seen: [number, number] = [0, 0];
      for (let seq = 1; seq <= 300; seq += 1) {
        await commit(writer, [entry(s0, seq, seq, 'y'.repeat(2000)), entry(s1, seq, seq, 'z')]);
        for (const at of seq % 7 === 0 ? ([0, 1] as const) : ([0] as const)) {
          for (const { firstSeq, lastSeq } of await reader.read(asShardId(at), asSeq(seen[at]), 1_000_000)) {
            assert.equal(firstSeq, seen[at] + 1);
            seen[at] = lastSeq;
          }
        }
        assert.equal(seen[0], seq);
      }
      const late = await (await on.open()).openReader();
      let count = 0;
      for (
        let more = await late.read(s1, asSeq(0), 10);
        more.length > 0;
        more = await late.read(s1, asSeq(count), 10)
      ) {
        count += more.length;
      }
      assert.equal(count, 300);
    });

    test('trimmed entries are removed in the background, and reading them reports it', async () => {
      const on = await medium();
      const journal = await on.open();
      const writer = await journal.openWriter([s0, s1]);
      const reader = await (await on.open()).openReader();
      for (let seq = 1; seq <= 60; seq += 1) await commit(writer, [entry(s0, seq, seq, 'x'.repeat(8000))]);
      await commit(writer, [entry(s1, 1, 1, 'the other shard')]);
      const before = await reader.size();
      writer.trim(s0, asSeq(50));
      await waitFor(() => isTrimmed(journal, s0, 0), 'the oldest entries are gone');
      await waitFor(() => isTrimmed(reader, s0, 0), 'a reader that was open notices');
      assert.ok((await reader.size()) < before);
      assert.equal((await all(journal, s0, 50)).length, 10);
      assert.deepEqual(await all(journal, s1), ['1-1 the other shard']);
      await commit(writer, [entry(s0, 61, 61, 'on it goes')]);
      await on.restart();
      const reopened = await (await on.open()).openWriter([s0, s1]);
      assert.deepEqual([...reopened.lastSeqs.values()], [61, 1]);
    });

    test('a shard whose entries were all trimmed still knows where it stands', async () => {
      const on = await medium();
      const first = await (await on.open()).openWriter([s0]);
      for (let seq = 1; seq <= 30; seq += 1) await commit(first, [entry(s0, seq, seq, 'x'.repeat(8000))]);
      first.trim(s0, asSeq(30));
      await on.restart();
      const journal = await on.open();
      const second = await journal.openWriter([s0]);
      assert.equal(second.lastSeqs.get(s0), 30);
      second.trim(s0, asSeq(30));
      await waitFor(() => isTrimmed(journal, s0, 0), 'everything is gone');
      await on.restart();
      assert.equal((await (await on.open()).openWriter([s0])).lastSeqs.get(s0), 30);
    });

    test('close waits for what is in flight, and appends fail after it', async () => {
      const on = await medium();
      const writer = await (await on.open()).openWriter([s0]);
      let landed = 0;
      for (let seq = 1; seq <= writer.inFlightMax; seq += 1) {
        writer.append([entry(s0, seq, seq, 'n')], (error) => {
          assert.equal(error, null);
          landed += 1;
        });
      }
      await writer.close();
      assert.equal(landed, writer.inFlightMax);
      await assert.rejects(commit(writer, [entry(s0, landed + 1, landed + 1, 'late')]));
      assert.equal(writer.hasRoom(), false);
      await on.restart();
      assert.equal((await (await on.open()).openWriter([s0])).lastSeqs.get(s0), landed);
    });
  });
}

const s0 = asShardId(0);
const s1 = asShardId(1);
const s2 = asShardId(SHARDS_MAX - 1);

export function entry(shard: ShardId, firstSeq: number, lastSeq: number, text: string): Entry {
  return { shard, firstSeq: asSeq(firstSeq), lastSeq: asSeq(lastSeq), payload: Buffer.from(text) };
}

/** Resolves when the commit is durable, rejects with what `done` was given. */
export function commit(writer: JournalWriter, entries: readonly Entry[]): Promise<void> {
  return new Promise((resolve, reject) => {
    writer.append(entries, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Everything after a sequence, as `first-last text`. */
export async function all(journal: Journal, shard: ShardId, afterSeq = 0): Promise<string[]> {
  const reader = await journal.openReader();
  const texts: string[] = [];
  let seq: Seq = asSeq(afterSeq);
  for (let more = await reader.read(shard, seq, 1000); more.length > 0; more = await reader.read(shard, seq, 1000)) {
    for (const { firstSeq, lastSeq, payload } of more) {
      texts.push(`${firstSeq}-${lastSeq} ${Buffer.from(payload).toString()}`);
      seq = lastSeq;
    }
  }
  await reader.close();
  return texts;
}

async function isTrimmed(from: Journal | { read: unknown }, shard: ShardId, afterSeq: number): Promise<boolean> {
  const reader = 'openReader' in from ? await from.openReader() : (from as Awaited<ReturnType<Journal['openReader']>>);
  try {
    await reader.read(shard, asSeq(afterSeq), 1);
    return false;
  } catch (error) {
    assert.ok(error instanceof JournalTrimmed, String(error));
    return true;
  }
}
