/**
 * What the journal holds, as everyone may rely on it: the entries that some process was told are
 * durable, and those that a later process found and went on after. Each process sees the journal
 * through `watch`, which notes and compares:
 *
 *     append ─▶ written ─▶ done(null)         the entry is part of the truth from here on
 *                      └─▶ done(error)        it is known to nobody, until an opening finds it
 *     openWriter                              ends where the truth ends or later; otherwise an
 *                                             acknowledged entry was lost
 *     read                                    gives what the truth has, byte for byte
 *
 * Two processes that both acknowledge are found at once: a sequence is acknowledged once, by the
 * newest opening.
 */
import assert from 'node:assert/strict';
import type { Change } from '../../src/domain/event.js';
import { asSeq, type Seq, type ShardId } from '../../src/domain/ids.js';
import { decodeChanges } from '../../src/journal/codec.js';
import type { Entry, Journal, JournalReader, JournalWriter } from '../../src/journal/journal.js';
import type { Host } from './host.js';
import type { Verdict } from './verdict.js';

export interface TrueEntry extends Entry {
  readonly changes: readonly Change[];
}

export interface Truth {
  lastSeq(shard: ShardId): Seq;
  /** The entries that hold sequences after this one, in order. */
  entriesAfter(shard: ShardId, seq: Seq): readonly TrueEntry[];
  /** Whether the journal has made the batch live, and has not freed its code. */
  isLive(batchId: number): boolean;
  /** Whether no other process has opened the journal since. */
  isOwner(host: Host): boolean;
  /** The journal of one process. */
  watch(journal: Journal, host: Host): Journal;
}

const EVERYTHING = Number.MAX_SAFE_INTEGER;

export function createTruth(shards: readonly ShardId[], verdict: Verdict): Truth {
  const entries = new Map<ShardId, TrueEntry[]>(shards.map((shard) => [shard, []]));
  /** Appended by anyone, and not known to be durable. */
  const unknown = new Map<ShardId, Entry[]>(shards.map((shard) => [shard, []]));
  const live = new Set<number>();
  let openings = 0;
  let owner: Host | null = null;
  /** Openings under way. What they find is shown to readers at once. */
  let opening = 0;

  const entriesOf = <T>(of: ReadonlyMap<ShardId, T[]>, shard: ShardId): T[] => {
    const list = of.get(shard);
    assert.ok(list !== undefined, `shard ${shard} is simulated`);
    return list;
  };
  const lastSeq = (shard: ShardId): Seq => entriesOf(entries, shard).at(-1)?.lastSeq ?? asSeq(0);

  function entriesAfter(shard: ShardId, seq: Seq): readonly TrueEntry[] {
    const list = entriesOf(entries, shard);
    let from = list.length;
    while (from > 0 && (list[from - 1] as TrueEntry).lastSeq > seq) from--;
    return from === 0 ? list : list.slice(from);
  }

  function add(entry: Entry): void {
    const { shard } = entry;
    assert.equal(entry.firstSeq, lastSeq(shard) + 1, 'entries follow each other');
    const changes = decodeChanges(entry.payload);
    entriesOf(entries, shard).push({ ...entry, changes });
    for (const { events } of changes) {
      for (const event of events) {
        if (event.kind === 'codesAdded' || event.kind === 'codeClaimed') live.add(event.batchId);
        else if (event.kind === 'codeFreed') live.delete(event.batchId);
      }
    }
    const open = entriesOf(unknown, shard);
    unknown.set(
      shard,
      open.filter(({ lastSeq: last }) => last > entry.lastSeq),
    );
  }

  /** True when the entry is in the truth; fails when something else is in its place. */
  function isKnown(entry: Entry): boolean {
    if (entry.firstSeq > lastSeq(entry.shard)) return false;
    const known = entriesAfter(entry.shard, asSeq(entry.firstSeq - 1))[0];
    const isSame = known?.firstSeq === entry.firstSeq && known.lastSeq === entry.lastSeq;
    assert.ok(
      isSame && Buffer.compare(known.payload, entry.payload) === 0,
      `sequence ${entry.firstSeq} of shard ${entry.shard} is what was acknowledged (I2)`,
    );
    return true;
  }

  function wasAppended({ shard, firstSeq, payload }: Entry): boolean {
    return entriesOf(unknown, shard).some(
      (other) => other.firstSeq === firstSeq && Buffer.compare(other.payload, payload) === 0,
    );
  }

  function acknowledged(commit: readonly Entry[], byOpening: number): void {
    for (const entry of commit) {
      // A successor had read it before its writer was told that it is durable.
      if (isKnown(entry)) continue;
      assert.equal(byOpening, openings, 'a process that was replaced acknowledges nothing');
      add(entry);
    }
  }

  /** What the new owner found and nobody had been told of. */
  async function adopt(journal: Journal, writer: JournalWriter): Promise<void> {
    for (const [shard, found] of writer.lastSeqs) {
      assert.ok(found >= lastSeq(shard), `shard ${shard} ends at ${found}, acknowledged is ${lastSeq(shard)} (I2)`);
      if (found === lastSeq(shard)) continue;
      const reader = await journal.openReader();
      while (lastSeq(shard) < found) {
        const read = await reader.read(shard, lastSeq(shard), EVERYTHING);
        assert.ok(read.length > 0, 'an opening ends at an entry that can be read');
        for (const entry of read) {
          if (isKnown(entry)) continue;
          assert.ok(wasAppended(entry), 'the journal holds nothing that nobody wrote');
          add({ ...entry, payload: entry.payload.slice() });
        }
      }
      await reader.close();
    }
  }

  function watchWriter(writer: JournalWriter, mine: number): JournalWriter {
    return {
      ...writer,
      append(commit, done) {
        const copies = commit.map((entry) => ({ ...entry, payload: entry.payload.slice() }));
        for (const entry of copies) entriesOf(unknown, entry.shard).push(entry);
        writer.append(commit, (error) => {
          if (error === null) verdict.of(() => acknowledged(copies, mine));
          done(error);
        });
      },
    };
  }

  function watchReader(reader: JournalReader): JournalReader {
    return {
      ...reader,
      async read(shard, afterSeq, bytesMax) {
        const read = await reader.read(shard, afterSeq, bytesMax);
        verdict.of(() => {
          for (const entry of read) {
            const isDurable = isKnown(entry) || (opening > 0 && wasAppended(entry));
            assert.ok(isDurable, 'nothing is shown that is not durable (I2)');
          }
        });
        return read;
      },
    };
  }

  return {
    lastSeq,
    entriesAfter,
    isLive: (batchId) => live.has(batchId),
    isOwner: (host) => host === owner,
    watch: (journal, host) => ({
      ...journal,
      async openWriter(owned, startAfter, goOnAfter) {
        opening++;
        try {
          const writer = await journal.openWriter(owned, startAfter, goOnAfter);
          const mine = ++openings;
          owner = host;
          // A process that dies meanwhile goes on after nothing: the next opening finds it.
          await verdict.ofAsync(() => adopt(journal, writer).catch((error: unknown) => failIfAlive(host, error)));
          return watchWriter(writer, mine);
        } finally {
          opening--;
        }
      },
      openReader: async () => watchReader(await journal.openReader()),
    }),
  };
}

function failIfAlive(host: Host, error: unknown): void {
  if (host.isAlive()) throw error;
}
