/**
 * Memory for long-lived tables that V8 does not count.
 *
 * Gain: six collections of the whole heap less per million codes that are loaded, 3 to 7 ms each.
 * Switch: `uncounted-memory` (work-arounds.ts).
 *
 * V8 counts the bytes of ArrayBuffers when it decides to collect: while a batch of a million codes
 * came in, it marked the whole heap six times to find that all of these 60 MB are still needed. V8
 * does not count shared memory, because no isolate owns it; it is freed like other memory when
 * nothing refers to it. It is not shared with any thread here. What it costs, and the collection
 * that it needs (collector.ts): docs/decisions/uncounted-memory.md.
 */
import { isOn } from './work-arounds.js';

/**
 * Below this a table is one of thousands, and the bookkeeping of shared memory costs more than it
 * saves.
 */
const UNCOUNTED_BYTES_MIN = isOn('uncounted-memory') ? 64 * 1024 : Number.POSITIVE_INFINITY;

/** `bytes` zeros. */
export function tableMemory(bytes: number): ArrayBufferLike {
  return bytes < UNCOUNTED_BYTES_MIN ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);
}
