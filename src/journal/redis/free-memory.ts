/**
 * Whether Redis has enough free memory, known before it is needed: an append that is refused for
 * want of memory costs a rebuild of the shards, while commands that are refused before they are
 * decided cost nothing. So memory is checked regularly, the bytes appended since the last check are
 * added, and "full" begins a little before Redis's own limit. The margin is for other writers on
 * the same server, and for unusually large commits.
 */
import type { RedisConnection } from './connection.js';
import { infoFields } from './facts.js';

const LOOK_EVERY_MS = 100;
const MARGIN_BYTES_MAX = 32 * 1024 * 1024;
const MARGIN_PART = 16;
/**
 * What an entry takes in memory, as a multiple of its bytes: its nodes are not full, and its
 * allocations rounded up.
 */
export const OVERHEAD = 1.3;

export interface FreeMemory {
  isEnough(): boolean;
  /** Free memory is below twice the margin: entries kept for convenience should be deleted now. */
  isTight(): boolean;
  /** So many bytes were appended. */
  added(bytes: number): void;
  /** Asks, unless it was done just now or the last question has no answer yet. */
  look(): Promise<void>;
  /**
   * When the question was asked that has no answer yet (`performance.now()`); infinity when there
   * is none.
   */
  askedMs(): number;
}

export function watchMemory(connection: RedisConnection): FreeMemory {
  let freeBytes = Number.POSITIVE_INFINITY;
  let marginBytes = 0;
  /** Since the question that `freeBytes` is the answer to. */
  let addedBytes = 0;
  let lookedMs = Number.NEGATIVE_INFINITY;
  let askedMs = Number.POSITIVE_INFINITY;
  return {
    isEnough: () => addedBytes * OVERHEAD <= freeBytes,
    isTight: () => addedBytes * OVERHEAD + marginBytes > freeBytes,
    added: (bytes) => {
      addedBytes += bytes;
    },
    askedMs: () => askedMs,
    async look() {
      const now = performance.now();
      if (askedMs !== Number.POSITIVE_INFINITY || now - lookedMs < LOOK_EVERY_MS) return;
      askedMs = now;
      const countedBytes = addedBytes;
      try {
        const infos = await connection.sendToAll('INFO', ['memory']);
        freeBytes = Math.min(...infos.map((info) => freeBytesOf(String(info))));
        marginBytes = Math.max(...infos.map((info) => marginBytesOf(maxBytesOf(infoFields(String(info))))));
        // The question went behind what was appended before it, so that is in the answer.
        addedBytes -= countedBytes;
        lookedMs = now;
      } finally {
        askedMs = Number.POSITIVE_INFINITY;
      }
    },
  };
}

/**
 * Until "full". Counts as Redis does: what is not counted for eviction (buffers of the AOF and of
 * replicas) is not.
 */
function freeBytesOf(infoMemory: string): number {
  const fields = infoFields(infoMemory);
  const maxBytes = maxBytesOf(fields);
  if (maxBytes === 0) return Number.POSITIVE_INFINITY;
  const usedBytes = Number(fields.get('used_memory') ?? 0) - Number(fields.get('mem_not_counted_for_evict') ?? 0);
  return maxBytes - marginBytesOf(maxBytes) - usedBytes;
}

const maxBytesOf = (fields: ReadonlyMap<string, string>): number => Number(fields.get('maxmemory') ?? 0);

const marginBytesOf = (maxBytes: number): number => Math.min(MARGIN_BYTES_MAX, maxBytes / MARGIN_PART);
