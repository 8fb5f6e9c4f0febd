/**
 * Whether Redis has room, asked before it is needed: an append that is refused for want of memory costs a rebuild of the
 * shards, while commands that are refused before they are decided cost nothing. So memory is looked at all the time,
 * and "full" begins a little before Redis's own limit; the margin is what a busy writer can add between two looks.
 */
import type { Link } from './connection.js';
import { infoFields } from './facts.js';

const LOOK_EVERY_MS = 200;
const MARGIN_BYTES_MAX = 32 * 1024 * 1024;
const MARGIN_PART = 16;

export interface Room {
  has(): boolean;
  /** Asks, unless it was done just now or the last question has no answer yet. */
  look(): Promise<void>;
  /** When the question was asked that has no answer yet (`performance.now()`); infinity when there is none. */
  askedMs(): number;
}

export function createRoom(link: Link): Room {
  let has = true;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let askedMs = Number.POSITIVE_INFINITY;
  return {
    has: () => has,
    askedMs: () => askedMs,
    async look() {
      const now = performance.now();
      if (askedMs !== Number.POSITIVE_INFINITY || now - lookedMs < LOOK_EVERY_MS) return;
      askedMs = now;
      try {
        const infos = await link.sendToAll('INFO', ['memory']);
        has = infos.every((info) => hasRoom(String(info)));
        lookedMs = now;
      } finally {
        askedMs = Number.POSITIVE_INFINITY;
      }
    },
  };
}

/** Judges as Redis does: what is not counted for eviction (buffers of the AOF and of replicas) is not counted. */
export function hasRoom(infoMemory: string): boolean {
  const fields = infoFields(infoMemory);
  const maxBytes = Number(fields.get('maxmemory') ?? 0);
  if (maxBytes === 0) return true;
  const usedBytes = Number(fields.get('used_memory') ?? 0) - Number(fields.get('mem_not_counted_for_evict') ?? 0);
  return usedBytes + Math.min(MARGIN_BYTES_MAX, maxBytes / MARGIN_PART) <= maxBytes;
}
