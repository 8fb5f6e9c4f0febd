/**
 * A queue of bytes, first in, first out, in slabs of memory that are used again and again.
 *
 * Gain: 0.5 ms of the HTTP thread per megabyte of a fast upload, so 10 ms for the 20 MB that may
 * come in one turn.
 * Switch: `reused-slabs` (work-arounds.ts). Each slab then is new memory.
 *
 * A socket that was paused comes back with all that the kernel has kept for it, 20 MB and more from
 * a fast sender, and uWebSockets.js reads that in one turn of the event loop, while other callers
 * wait. New memory costs 0.6 ms a megabyte, since the system maps and clears each page when it is
 * touched first; memory that was used before costs a sixth of it. So incoming bytes are put into
 * reused slabs, and passed on in new buffers, one slab per turn.
 */
import { tableMemory } from './uncounted-memory.js';
import { isOn } from './work-arounds.js';

const SLAB_BYTES = 256 * 1024;
/** What the kernel keeps of one connection, 32 MiB by its defaults, fits in. */
const SPARE_SLABS_MAX = isOn('reused-slabs') ? 128 : 0;
/** Slabs that are unused for this long are freed. */
const SPARE_MS = 30_000;

interface Slab {
  readonly bytes: Uint8Array;
  used: number;
}

/** Of this thread. */
const spare: Slab[] = [];
let dropping: NodeJS.Timeout | null = null;

function takeSlab(): Slab {
  return spare.pop() ?? { bytes: new Uint8Array(tableMemory(SLAB_BYTES)), used: 0 };
}

function giveBack(slab: Slab): void {
  slab.used = 0;
  if (spare.length < SPARE_SLABS_MAX) spare.push(slab);
  if (dropping === null) {
    dropping = setTimeout(() => {
      dropping = null;
      spare.length = 0;
    }, SPARE_MS).unref();
  } else dropping.refresh();
}

export class ByteQueue {
  readonly #slabs: Slab[] = [];
  #length = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#length;
  }

  /** Copies them. */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      let slab = this.#slabs.at(-1);
      if (slab === undefined || slab.used === SLAB_BYTES) {
        slab = takeSlab();
        this.#slabs.push(slab);
      }
      const some = bytes.subarray(at, at + SLAB_BYTES - slab.used);
      slab.bytes.set(some, slab.used);
      slab.used += some.length;
      at += some.length;
    }
    this.#length += bytes.length;
  }

  /** The next ones, at most a slab of them, in a buffer of their own; null when there are none. */
  take(): Uint8Array<ArrayBuffer> | null {
    const slab = this.#slabs.shift();
    if (slab === undefined) return null;
    const bytes = new Uint8Array(slab.bytes.subarray(0, slab.used));
    this.#length -= bytes.length;
    giveBack(slab);
    return bytes;
  }

  clear(): void {
    for (const slab of this.#slabs.splice(0)) giveBack(slab);
    this.#length = 0;
  }
}
