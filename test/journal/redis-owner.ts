/**
 * An owner of shards as the actor is one, reduced to what concerns the journal: it keeps as many
 * commits in flight as it may, and when one fails it opens another writer and learns from
 * `lastSeqs` which of them are there. It writes down what was acknowledged, so that the streams can
 * be held against it.
 */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { asSeq, type Seq, type ShardId } from '../../src/domain/ids.js';
import type { Entry, Journal, JournalWriter } from '../../src/journal/journal.js';
import { all } from './conformance.js';

export interface Owner {
  readonly commits: number;
  readonly openings: number;
  readonly errors: readonly Error[];
  /** Appends until told to stop; resolves when nothing is in flight. */
  run(): Promise<void>;
  stop(): void;
  /**
   * Asserts that the streams are without gap and hold everything that was acknowledged, and nothing
   * in its place.
   */
  verify(): Promise<void>;
}

const REOPEN_MS = 20;
const ENTRIES_PER_COMMIT_MAX = 3;
const EVENTS_PER_ENTRY_MAX = 5;

export function createOwner(journal: Journal, shards: readonly ShardId[]): Owner {
  const durable = new Map<ShardId, Seq>(shards.map((shard) => [shard, asSeq(0)]));
  const acknowledged = new Map<string, string>();
  const errors: Error[] = [];
  let commits = 0;
  let openings = 0;
  let attempt = 0;
  let isStopping = false;

  async function run(): Promise<void> {
    while (!isStopping) {
      const writer = await openUntilDone();
      const unresolved = await appendUntilFailure(writer);
      await writer.close();
      if (unresolved.length > 0) resolve(unresolved, await openUntilDone());
    }
  }

  async function openUntilDone(): Promise<JournalWriter> {
    for (;;) {
      try {
        const writer = await journal.openWriter(shards, durable);
        openings += 1;
        for (const [shard, seq] of writer.lastSeqs) {
          assert.ok(seq >= (durable.get(shard) ?? 0), `shard ${shard} went back to ${seq}`);
          durable.set(shard, seq);
        }
        return writer;
      } catch (error) {
        errors.push(error as Error);
        await sleep(REOPEN_MS);
      }
    }
  }

  /** Resolves when nothing is in flight any more, with the entries whose fate is unknown. */
  function appendUntilFailure(writer: JournalWriter): Promise<Entry[]> {
    const appended = new Map(durable);
    const unresolved: Entry[] = [];
    let inFlight = 0;
    let hasFailed = false;
    return new Promise((resolve) => {
      const fill = (): void => {
        while (!hasFailed && !isStopping && inFlight < writer.inFlightMax) {
          const entries = nextEntries(appended);
          inFlight += 1;
          writer.append(entries, (error) => {
            inFlight -= 1;
            if (error === null) acknowledge(entries);
            else {
              hasFailed = true;
              if (!errors.includes(error)) errors.push(error);
              unresolved.push(...entries);
            }
            fill();
          });
        }
        if (inFlight === 0) resolve(unresolved);
      };
      fill();
    });
  }

  function acknowledge(entries: readonly Entry[]): void {
    commits += 1;
    for (const entry of entries) {
      acknowledged.set(`${entry.shard} ${entry.firstSeq}`, textOf(entry));
      durable.set(entry.shard, entry.lastSeq);
    }
  }

  function resolve(entries: readonly Entry[], writer: JournalWriter): void {
    for (const entry of entries) {
      if (entry.lastSeq > (writer.lastSeqs.get(entry.shard) ?? 0)) continue;
      acknowledged.set(`${entry.shard} ${entry.firstSeq}`, textOf(entry));
    }
  }

  function nextEntries(appended: Map<ShardId, Seq>): Entry[] {
    const chosen = new Set<ShardId>();
    const count = 1 + Math.floor(Math.random() * ENTRIES_PER_COMMIT_MAX);
    while (chosen.size < Math.min(count, shards.length)) {
      const shard = shards[Math.floor(Math.random() * shards.length)];
      if (shard !== undefined) chosen.add(shard);
    }
    return [...chosen].map((shard) => {
      const firstSeq = asSeq((appended.get(shard) ?? 0) + 1);
      const lastSeq = asSeq(firstSeq + Math.floor(Math.random() * EVENTS_PER_ENTRY_MAX));
      appended.set(shard, lastSeq);
      attempt += 1;
      return { shard, firstSeq, lastSeq, payload: Buffer.from(`attempt ${attempt}`) };
    });
  }

  async function verify(): Promise<void> {
    const found = new Map<string, string>();
    for (const shard of shards) {
      let next = 1;
      for (const line of await all(journal, shard)) {
        const [, firstSeq, lastSeq, text = ''] = /^(\d+)-(\d+) (.*)$/.exec(line) ?? [];
        assert.equal(Number(firstSeq), next, `shard ${shard} has a gap or a double`);
        next = Number(lastSeq) + 1;
        found.set(`${shard} ${firstSeq}`, text);
      }
    }
    for (const [place, text] of acknowledged) assert.equal(found.get(place), text, `acknowledged at ${place}`);
  }

  return {
    get commits() {
      return commits;
    },
    get openings() {
      return openings;
    },
    errors,
    run,
    stop() {
      isStopping = true;
    },
    verify,
  };
}

function textOf({ payload }: Entry): string {
  return Buffer.from(payload).toString();
}
