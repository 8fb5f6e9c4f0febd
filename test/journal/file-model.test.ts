/**
 * Random histories of commits, faults, restarts, moves between threads and trims, against a list in
 * memory.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { asSeq, asShardId, type Seq, type ShardId } from '../../src/domain/ids.js';
import { type FileJournal, openFileJournal } from '../../src/journal/file/file-journal.js';
import { isErrorCode, realFileOps } from '../../src/journal/file/file-ops.js';
import { lockDirectory } from '../../src/journal/file/lock.js';
import { createJournalMarksBuffer } from '../../src/journal/file/watermarks.js';
import type { Entry, JournalWriter } from '../../src/journal/journal.js';
import { commit } from './conformance.js';
import { createFaultyOps, diskError } from './faulty-ops.js';

const directories = fs.mkdtempSync(join(tmpdir(), 'clipbook-model-'));
after(() => fs.rmSync(directories, { recursive: true }));

type Step =
  | { readonly kind: 'commit'; readonly shards: number; readonly events: number; readonly bytes: number }
  | { readonly kind: 'fault'; readonly writtenShare: number; readonly shards: number; readonly isKnown: boolean }
  | { readonly kind: 'restart'; readonly threads: number; readonly isCrash: boolean }
  | { readonly kind: 'trim'; readonly share: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('commit' as const),
      shards: fc.integer({ min: 1, max: 15 }),
      events: fc.integer({ min: 1, max: 3 }),
      bytes: fc.constantFrom(1, 10, 900, 6000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('fault' as const),
      writtenShare: fc.constantFrom(0, 0.3, 0.9, 1),
      shards: fc.integer({ min: 1, max: 15 }),
      isKnown: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('restart' as const),
      threads: fc.constantFrom(1, 2, 4),
      isCrash: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('trim' as const), share: fc.constantFrom(0.5, 1) }) },
);

test('whatever happens, each shard reads back exactly the acknowledged entries', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const directory = fs.mkdtempSync(join(directories, 'm-'));
      const world = await createWorld(directory);
      for (const each of steps) {
        await world.take(each);
        await world.check();
      }
      await world.close();
      fs.rmSync(directory, { recursive: true });
    }),
    { numRuns: 60, includeErrorInReport: true },
  );
});

interface Model {
  readonly shard: ShardId;
  acknowledged: Entry[];
  /** Written in part or whole, never acknowledged. */
  doubtful: Entry | null;
  trimmedSeq: number;
}

async function createWorld(parent: string) {
  let directory = join(parent, '0');
  const { ops, fail } = createFaultyOps();
  const noSync = { sync: () => undefined, syncDirectory: () => undefined };
  const models: Model[] = [0, 1, 2, 3].map((n) => ({
    shard: asShardId(n),
    acknowledged: [],
    doubtful: null,
    trimmedSeq: 0,
  }));
  let journals: FileJournal[] = [];
  let writers: { journal: FileJournal; writer: JournalWriter; models: Model[] }[] = [];
  let generation = 0;
  await restart(1, false);

  /**
   * A crash leaves the files as they are now: what closing would do to them is done to a copy that
   * nobody reads.
   */
  async function restart(threads: number, isCrash: boolean): Promise<void> {
    const next = join(parent, String(generation + 1));
    if (isCrash) copyAsItIs(directory, next);
    for (const journal of journals) await journal.close();
    if (isCrash) {
      generation += 1;
      fs.rmSync(directory, { recursive: true });
      directory = next;
    }
    (await lockDirectory(directory)).release();
    const shared = createJournalMarksBuffer();
    fail(noSync);
    journals = Array.from({ length: threads }, () =>
      openFileJournal({ directory, segmentBytes: 16 * 1024, shared, ops }),
    );
    writers = [];
    for (const [index, journal] of journals.entries()) {
      const mine = models.filter((_, n) => n % threads === index);
      const writer = await journal.openWriter(mine.map(({ shard }) => shard));
      settle(writer, mine);
      writers.push({ journal, writer, models: mine });
    }
  }

  /** What is in doubt may turn out either way at a restart, but wholly. */
  function settle(writer: JournalWriter, mine: readonly Model[]): void {
    for (const model of mine) {
      const lastSeq = writer.lastSeqs.get(model.shard);
      if (model.doubtful !== null && lastSeq === model.doubtful.lastSeq) model.acknowledged.push(model.doubtful);
      model.doubtful = null;
      assert.equal(lastSeq, lastSeqOf(model));
    }
  }

  async function take(each: Step): Promise<void> {
    switch (each.kind) {
      case 'commit':
        for (const { writer, models: mine } of writers) {
          const chosen = mine.filter(({ shard }) => each.shards & (1 << shard));
          if (chosen.length === 0) continue;
          const entries = chosen.map((model) => nextEntry(model, each.events, each.bytes));
          await commit(writer, entries);
          for (const [index, model] of chosen.entries()) {
            const entry = entries[index];
            if (entry !== undefined) model.acknowledged.push(entry);
          }
        }
        return;
      case 'fault':
        for (const [index, { journal, writer, models: mine }] of writers.entries()) {
          const chosen = mine.filter(({ shard }) => each.shards & (1 << shard));
          if (chosen.length === 0) continue;
          const entries = chosen.map((model) => nextEntry(model, 2, 100));
          fail({
            ...noSync,
            write: (fd, bytes, position) => {
              realFileOps.write(fd, bytes.subarray(0, Math.floor(bytes.length * each.writtenShare)), position);
              throw diskError('EIO');
            },
          });
          await assert.rejects(commit(writer, entries), /EIO/);
          fail(noSync);
          for (const [n, model] of chosen.entries()) model.doubtful = each.isKnown ? null : (entries[n] ?? null);
          const startAfter = new Map(mine.map((model) => [model.shard, asSeq(lastSeqOf(model))]));
          const shards = mine.map(({ shard }) => shard);
          const next = await (each.isKnown ? journal.openWriter(shards, startAfter) : journal.openWriter(shards));
          settle(next, mine);
          writers[index] = { journal, writer: next, models: mine };
        }
        return;
      case 'restart':
        return await restart(each.threads, each.isCrash);
      case 'trim':
        for (const { writer, models: mine } of writers) {
          for (const model of mine) {
            const seq = Math.floor(lastSeqOf(model) * each.share);
            model.trimmedSeq = Math.max(model.trimmedSeq, seq);
            writer.trim(model.shard, asSeq(seq));
          }
        }
    }
  }

  async function check(): Promise<void> {
    for (const journal of journals) {
      const reader = await journal.openReader();
      for (const model of models) {
        const kept = model.acknowledged.filter(({ lastSeq }) => lastSeq > model.trimmedSeq);
        const read: Entry[] = [];
        let seq: Seq = asSeq(model.trimmedSeq);
        for (;;) {
          const more = await reader.read(model.shard, seq, 5000);
          const last = more.at(-1);
          if (last === undefined) break;
          read.push(...more);
          seq = last.lastSeq;
        }
        assert.deepEqual(read.map(plain), kept.map(plain));
      }
      await reader.close();
    }
  }

  return {
    take,
    check,
    close: async () => {
      for (const journal of journals) await journal.close();
    },
  };
}

/**
 * Only one file can vanish meanwhile: one whose deletion libuv has begun, and that is a state of
 * its own to be in.
 */
function copyAsItIs(from: string, to: string): void {
  try {
    fs.cpSync(from, to, { recursive: true });
  } catch (error) {
    if (!isErrorCode(error, 'ENOENT')) throw error;
    fs.rmSync(to, { recursive: true, force: true });
    copyAsItIs(from, to);
  }
}

let made = 0;

/** No two are alike: an entry that should be void would show. */
function nextEntry(model: Model, events: number, bytes: number): Entry {
  const firstSeq = lastSeqOf(model) + 1;
  made += 1;
  const payload = Buffer.alloc(bytes + 12, `${made},`);
  return { shard: model.shard, firstSeq: asSeq(firstSeq), lastSeq: asSeq(firstSeq + events - 1), payload };
}

function lastSeqOf(model: Model): number {
  return model.acknowledged.at(-1)?.lastSeq ?? 0;
}

function plain({ firstSeq, lastSeq, payload }: Entry): string {
  return `${firstSeq}-${lastSeq} ${Buffer.from(payload.subarray(0, 12)).toString()} ${payload.length}`;
}
