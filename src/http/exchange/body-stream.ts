/**
 * A body too large to keep, handed on chunk by chunk. uWebSockets.js pushes, the reader pulls;
 * between them is a queue. When it holds enough the socket is paused, and TCP holds the sender
 * back. A pause works from the next turn on: what the kernel has of the connection still comes (its
 * receive buffer, 6 or 32 MB at most), and that is the bound of the queue.
 *
 * uWebSockets.js ends a body that is slower than 16 kB/s after ten seconds, without an answer. A
 * pause followed by `resume` starts its timeout anew, so a slow sender is served as long as it
 * makes progress: `onProgress` moves our own deadline.
 */
import { ByteQueue } from '../../platform/byte-queue.js';

const QUEUE_BYTES_MAX = 1024 * 1024;
/**
 * A sender has this long for the next `PROGRESS_BYTES_MIN`: 1 kB/s. Less than the library's ten
 * seconds.
 */
export const STREAM_WINDOW_MS = 6_000;
const PROGRESS_BYTES_MIN = 6_000;
const REARM_MS = 3_000;

/** The stream ended before its body did. */
export class BodyBroken extends Error {
  override readonly name = 'BodyBroken';
}

export interface BodyStream {
  /**
   * The next bytes, in a buffer of their own; null at the end. Rejects with `BodyBroken`. One call
   * at a time.
   */
  next(): Promise<Uint8Array<ArrayBuffer> | null>;
  /** `chunk` is valid during the call only. */
  push(chunk: ArrayBuffer, isLast: boolean): void;
  /** Nothing more will come. */
  break(): void;
  /** The reader waits, so a silence is the sender's. */
  isStarving(): boolean;
}

interface BodyStreamOptions {
  pause(): void;
  resume(): void;
  /** As much has come as keeps the stream alive for another `STREAM_WINDOW_MS`. */
  onProgress(): void;
  nowMs(): number;
}

export function createBodyStream({ pause, resume, onProgress, nowMs }: BodyStreamOptions): BodyStream {
  const queue = new ByteQueue();
  let state: 'open' | 'ended' | 'broken' = 'open';
  let isPaused = false;
  let progressBytes = 0;
  let rearmedMs = nowMs();
  let waiter: { resolve(bytes: Uint8Array<ArrayBuffer> | null): void; reject(error: Error): void } | null = null;

  function progressed(bytes: number, isLast: boolean): void {
    progressBytes += bytes;
    if (isLast || progressBytes >= PROGRESS_BYTES_MIN) {
      progressBytes = 0;
      onProgress();
    }
    if (isLast || isPaused || nowMs() - rearmedMs < REARM_MS) return;
    rearmedMs = nowMs();
    pause();
    resume();
  }

  function serve(): void {
    if (waiter === null) return;
    const { resolve, reject } = waiter;
    if (state === 'broken') {
      waiter = null;
      reject(new BodyBroken('The connection broke before the body was complete.'));
      return;
    }
    const bytes = queue.take();
    if (bytes === null && state === 'open') return;
    waiter = null;
    resolve(bytes);
    if (isPaused && state === 'open' && queue.length < QUEUE_BYTES_MAX / 2) {
      isPaused = false;
      resume();
    }
  }

  return {
    next() {
      return new Promise((resolve, reject) => {
        waiter = { resolve, reject };
        serve();
      });
    },
    push(chunk, isLast) {
      if (state !== 'open') return;
      progressed(chunk.byteLength, isLast);
      queue.push(new Uint8Array(chunk));
      if (isLast) state = 'ended';
      else if (isPaused || queue.length >= QUEUE_BYTES_MAX) {
        // Again for each chunk that still comes: it started the timeout of uWebSockets.js anew,
        // which a pause stops.
        isPaused = true;
        pause();
      }
      serve();
    },
    break() {
      if (state === 'ended') return;
      state = 'broken';
      queue.clear();
      serve();
    },
    isStarving: () => waiter !== null,
  };
}
