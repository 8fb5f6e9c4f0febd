/**
 * Verifies one shard after the other: rebuilds its state in a separate thread, and compares it with
 * the state in memory.
 *
 *     rows in PostgreSQL at the checkpoint ─▶ + the journal after it, through seq ─┐
 *                                                                                  ├─▶ the same digest at seq?
 *     nothing ─▶ + the journal from its first entry, through seq ──────────────────┤
 *     memory of the shard thread, of the moment when it was at seq ────────────────┘
 *
 * The rows are loaded first and the memory is asked then, so that the memory is never behind them.
 * The journal is trimmed up to the checkpoint; if needed entries were trimmed meanwhile, newer rows
 * are loaded. The state can be rebuilt from the journal alone only if no entry of the shard was
 * trimmed. Codes themselves are in PostgreSQL alone, so both folds take them from there.
 *
 * One shard is held at a time: verifying takes as much memory as the largest shard does.
 */
import { asSeq, type Seq, type ShardId } from '../domain/ids.js';
import { NO_DIRECTORY } from '../engine/directory.js';
import type { ShardVerdict } from '../engine/engine.js';
import { type DigestPart, type DigestReport, reportOf } from '../features/digest.js';
import { type Fact, factsOf } from '../features/facts.js';
import { ShardState } from '../features/shard-state.js';
import type { Feed } from '../feed/feed.js';
import { JournalTrimmed } from '../journal/journal.js';
import { loadSnapshot, type ReplayOptions, replay } from '../shard/recovery.js';

export interface VerifierOptions extends Pick<ReplayOptions, 'loader' | 'state'> {
  readonly feed: Feed;
  readonly nowMs: () => number;
  readonly memory: {
    digestOf(shard: ShardId): Promise<DigestReport>;
    factsOf(shard: ShardId, part: DigestPart): Promise<readonly Fact[]>;
  };
}

const SNAPSHOTS_MAX = 5;
const DURABLE_WAIT_MS = 10_000;

/** Rejects when PostgreSQL, the journal or the shard can't be asked. */
export async function verifyShard(options: VerifierOptions, shard: ShardId): Promise<ShardVerdict> {
  const folding = foldingOptions(options, shard);
  for (let tries = 1; ; tries++) {
    try {
      const stored = await load(folding, shard);
      const memory = await options.memory.digestOf(shard);
      if (typeof stored === 'string') {
        const { seq, digest } = memory;
        return { shard, seq, codes: 0, digest, fromNothing: false, difference: stored };
      }
      await untilDurable(options, shard, memory.seq);
      await replay(folding, options.feed, stored, memory.seq);
      const difference = await firstDifference(options, shard, memory, stored, 'PostgreSQL and the journal after it');
      const fromNothing = await foldFromNothing(options, folding, shard, memory);
      const { seq, digest } = memory;
      const codes = stored.coupons.codes.strings.count;
      return {
        shard,
        seq,
        codes,
        digest,
        fromNothing: fromNothing !== null,
        difference: difference ?? fromNothing?.difference ?? null,
      };
    } catch (error) {
      if (!(error instanceof JournalTrimmed) || tries >= SNAPSHOTS_MAX) throw error;
    }
  }
}

/** Null: the journal does not begin at the beginning any more. */
async function foldFromNothing(
  options: VerifierOptions,
  folding: ReplayOptions,
  shard: ShardId,
  memory: DigestReport,
): Promise<{ readonly difference: string | null } | null> {
  const state = new ShardState({ ...options.state, shard });
  try {
    if (memory.seq > 0 && !(await options.feed.has(shard, asSeq(1)))) return null;
    await replay(folding, options.feed, state, memory.seq);
  } catch (error) {
    if (error instanceof JournalTrimmed) return null;
    return { difference: `the journal can not be folded from nothing: ${messageOf(error)}` };
  }
  return { difference: await firstDifference(options, shard, memory, state, 'the journal, folded from nothing') };
}

async function firstDifference(
  options: VerifierOptions,
  shard: ShardId,
  memory: DigestReport,
  state: ShardState,
  source: string,
): Promise<string | null> {
  const folded = reportOf(state, memory.nowMs);
  if (folded.seq !== memory.seq) return `the memory is at ${memory.seq}, ${source} only at ${folded.seq}`;
  if (folded.digest === memory.digest) return null;
  const foldedParts = new Map(folded.parts.map((part) => [nameOf(part), part]));
  for (const part of memory.parts) {
    const other = foldedParts.get(nameOf(part));
    foldedParts.delete(nameOf(part));
    if (other?.sum === part.sum) continue;
    const named = await differenceIn(options, shard, memory.seq, part, state);
    return `${named ?? nameOf(part)} differs between the memory and ${source}`;
  }
  const [missing] = foldedParts.keys();
  return `${missing ?? 'something'} is in ${source}, but not in the memory`;
}

/** Queried after the moment of the digest, so later changes are ignored. */
async function differenceIn(
  options: VerifierOptions,
  shard: ShardId,
  seq: Seq,
  part: DigestPart,
  state: ShardState,
): Promise<string | null> {
  const folded = new Map(factsOf(state, part).map((fact) => [fact.about, fact.text]));
  for (const { about, text, seq: since } of await options.memory.factsOf(shard, part)) {
    const other = folded.get(about);
    folded.delete(about);
    if (other !== text && since <= seq) return `${about} (in memory ${text}, folded ${other ?? 'not there'})`;
  }
  const [extra] = folded;
  return extra === undefined ? null : `${extra[0]} (not in memory, folded ${extra[1]})`;
}

function nameOf({ about, bookId, first, end }: DigestPart): string {
  if (about === 'book') return `book ${bookId}`;
  if (about === 'keys') return 'the remembered keys';
  if (about === 'batches') return 'the open batches';
  return about === 'codes' ? `codes ${first} to ${end - 1} of book ${bookId}` : `${about} ${first} to ${end - 1}`;
}

/** What the memory knew may be in flight still. */
async function untilDurable({ feed }: VerifierOptions, shard: ShardId, seq: Seq): Promise<void> {
  if (!(await feed.untilDurable(shard, seq, DURABLE_WAIT_MS)))
    throw new Error(`the journal of shard ${shard} did not reach ${seq}`);
}

/**
 * Rows that a start could not load are a difference, described in words. If PostgreSQL is down, the
 * result is unknown.
 */
async function load(folding: ReplayOptions, shard: ShardId): Promise<ShardState | string> {
  try {
    return (await loadSnapshot(folding)).get(shard) ?? 'PostgreSQL does not have this shard';
  } catch (error) {
    return `the rows in PostgreSQL can not be loaded: ${messageOf(error)}`;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Options of the recovery without its side effects: no directory, no clock. */
function foldingOptions(options: VerifierOptions, shard: ShardId): ReplayOptions {
  return {
    shards: [shard],
    loader: options.loader,
    state: options.state,
    clock: { now: options.nowMs, notBefore: () => undefined },
    directoryKey: NO_DIRECTORY,
    publishCodes: async () => undefined,
  };
}
