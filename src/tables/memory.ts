/**
 * Memory for long-lived tables.
 *
 * V8 counts the bytes of ArrayBuffers when it decides to collect: while a batch of a million codes
 * came in, it marked the whole heap six times, 3 to 7 ms each, to find that all of these 60 MB are
 * still needed. V8 does not count shared memory, because no isolate owns it; it is freed like other
 * memory when nothing refers to it. It is not shared with any thread here.
 */

/**
 * Below this a table is one of thousands, and the bookkeeping of shared memory costs more than it
 * saves.
 */
const UNCOUNTED_BYTES_MIN = 64 * 1024;

/** `bytes` zeros. */
export function tableMemory(bytes: number): ArrayBufferLike {
  return bytes < UNCOUNTED_BYTES_MIN ? new ArrayBuffer(bytes) : new SharedArrayBuffer(bytes);
}
