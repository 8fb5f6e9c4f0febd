/**
 * Memory use of the idempotency keys of all shard threads, in shared memory: each shard thread
 * writes its own numbers once a second, and the metrics read all of them. Plain doubles: one writer
 * each, and an aligned 64-bit read is never torn where Node runs.
 */
import { SHARDS_MAX } from '../domain/ids.js';
import type { ShardState } from '../features/shard-state.js';

const FIELDS = 3;
const BYTES = 0;
const REFUSED = 1;
const REFUSED_MS = 2;

export interface KeyMemory {
  readonly shared: SharedArrayBuffer;
  /**
   * `refused`: commands that were refused since the last report because their caller had its share.
   */
  report(thread: number, bytes: number, refused: number, nowMs: number): void;
  bytes(): number;
  /** Since the start. */
  refused(): number;
  /** When the last one was, Unix ms; 0: never. */
  lastRefusedMs(): number;
}

export function createKeyMemory(shared = new SharedArrayBuffer(SHARDS_MAX * FIELDS * 8)): KeyMemory {
  const values = new Float64Array(shared);
  const ofThreads = (field: number): number[] => [...values].filter((_, i) => i % FIELDS === field);
  const sum = (field: number): number => ofThreads(field).reduce((total, value) => total + value, 0);
  return {
    shared,
    report(thread, bytes, refused, nowMs) {
      const at = thread * FIELDS;
      values[at + BYTES] = bytes;
      if (refused === 0) return;
      values[at + REFUSED] = (values[at + REFUSED] as number) + refused;
      values[at + REFUSED_MS] = nowMs;
    },
    bytes: () => sum(BYTES),
    refused: () => sum(REFUSED),
    lastRefusedMs: () => Math.max(...ofThreads(REFUSED_MS)),
  };
}

/** The keys of one actor's shards. */
export interface KeyKeeper {
  /** Forgets those that have ended, in steps, while others are served. */
  forgetEnded(): void;
  /** So many commands were refused because their callers have their share. */
  noteRefusals(count: number): void;
  /** Bytes of all keys, and refusals since the last report. */
  takeReport(): { readonly bytes: number; readonly refused: number };
}

export function createKeyKeeper({
  states,
  nowMs,
  defer,
}: {
  readonly states: () => Iterable<ShardState>;
  readonly nowMs: () => number;
  readonly defer: (work: () => void) => void;
}): KeyKeeper {
  let refused = 0;

  function forgetEnded(): void {
    for (const state of states()) {
      if (!state.remembered.forgetEnded(nowMs())) continue;
      defer(forgetEnded);
      return;
    }
  }

  return {
    forgetEnded,
    noteRefusals(count) {
      refused += count;
    },
    takeReport() {
      // All shards of an actor share one tally.
      const [any] = states();
      const report = { bytes: any?.options.idempotencyTally?.bytes ?? 0, refused };
      refused = 0;
      return report;
    },
  };
}
