/**
 * How far a writer's streams may be trimmed: not only to the checkpoint, but to where they were
 * when the retention span began.
 *
 *     samples   ├─────┼─────┼─────┼─────┼─────┼──▶ now      each: when, how far each shard was, bytes appended so far
 *                            cut ▲     └ kept ┘              the first one that is within the bytes, and all that are older
 *                                                            than the time are cut
 *
 * Entries have no time of their own that the journal could read, and Redis has none for them, so
 * the writer remembers samples. They are lost with the process: what was there at its start counts
 * as old as the start. Whatever happened before is thus kept too long rather than too short, within
 * the bytes.
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { Entry, Retention } from '../journal.js';
import { OVERHEAD } from './free-memory.js';

interface StreamRetention {
  /** So many entries more. */
  added(entries: readonly Entry[]): void;
  /** The sequence through which a shard may be trimmed. */
  limit(shard: ShardId, checkpoint: Seq): Seq;
  /** Since when a shard has every entry after it was trimmed to its limit. */
  sinceMs(): number;
  /**
   * Looks at the clock and at the bytes. `isTight`: memory runs out, nothing more is kept than has
   * to be.
   */
  look(isTight: boolean): void;
  /** Bounded, whatever happens. */
  sampleCount(): number;
}

interface Sample {
  readonly atMs: number;
  /** Of all that was appended before it. */
  readonly bytes: number;
  readonly seqs: ReadonlyMap<ShardId, Seq>;
}

/** A span is divided into so many samples; the count never grows above twice that. */
const SAMPLES = 128;

/** `bytesBefore`: what the streams take already. */
export function createStreamRetention({
  retention,
  seqs: seqsBefore,
  bytesBefore,
  nowMs = Date.now,
}: {
  readonly retention: Retention;
  readonly seqs: ReadonlyMap<ShardId, Seq>;
  readonly bytesBefore: number;
  readonly nowMs?: () => number;
}): StreamRetention {
  const seqs = new Map(seqsBefore);
  let appendedBytes = 0;
  /** The last sample that is not kept any more, and those after it. */
  let cut: Sample | null = null;
  let samples: Sample[] = [{ atMs: nowMs(), bytes: 0, seqs: new Map(seqs) }];
  let isTight = false;

  function takeSample(atMs: number): void {
    const last = samples.at(-1) ?? cut;
    if (last !== null && appendedBytes === last.bytes) return;
    const isDue =
      last === null ||
      atMs - last.atMs >= retention.ms / SAMPLES ||
      (appendedBytes - last.bytes) * OVERHEAD >= retention.bytes / SAMPLES;
    if (!isDue) return;
    samples.push({ atMs, bytes: appendedBytes, seqs: new Map(seqs) });
    if (samples.length > 2 * SAMPLES) samples = samples.filter((_, index) => index % 2 === 1);
  }

  /** What is kept behind a sample; in all, when nothing was cut. */
  function keptBytes(after: Sample | null): number {
    if (after === null) return bytesBefore + appendedBytes * OVERHEAD;
    return (appendedBytes - after.bytes) * OVERHEAD;
  }

  return {
    added(entries) {
      for (const { shard, lastSeq, payload } of entries) {
        seqs.set(shard, lastSeq);
        appendedBytes += payload.length;
      }
    },
    limit(shard, checkpoint) {
      if (isTight || (retention.ms === 0 && retention.bytes === 0)) return checkpoint;
      return Math.min(checkpoint, cut?.seqs.get(shard) ?? 0) as Seq;
    },
    // Nobody knows when the checkpoint was.
    sinceMs: () => (isTight || cut === null ? nowMs() : cut.atMs),
    look(tight) {
      isTight = tight;
      const now = nowMs();
      takeSample(now);
      for (let next = samples[0]; next !== undefined; next = samples[0]) {
        if (now - next.atMs < retention.ms && keptBytes(cut) <= retention.bytes) return;
        cut = next;
        samples.shift();
      }
    },
    sampleCount: () => samples.length,
  };
}
