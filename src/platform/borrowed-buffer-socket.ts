/**
 * A socket that lends its read data in reused buffers.
 *
 * Gain: eleven collections of the shard thread's heap less per million rows, 3 to 15 ms each, with
 * four helper threads.
 * Switch: `borrowed-buffers` (work-arounds.ts). PostgreSQL's connections then use an ordinary
 * socket, as they do over TLS.
 *
 * Node makes a buffer for each read. A million rows come in thousands of reads, since PostgreSQL
 * sends 8 KiB at a time, and V8 collected the heap over them. Here a read goes into one of two
 * buffers in turn:
 *
 *     read n        │ kept │ new bytes …             │      the borrower says how many of the bytes it takes
 *     read n + 1    │ the rest of n │ new bytes …    │      the rest begins the other buffer; the borrower may still use n
 *
 * As long as nobody borrows, it is a socket like any other, whose 'data' events carry copies.
 */
import { Socket, type SocketConstructorOpts } from 'node:net';

const BUFFER_BYTES = 64 * 1024;

/**
 * Gets what was read, behind what it left the time before; returns how many of the bytes it takes,
 * the rest is kept. They are lent until it is called again, which does not happen while the socket
 * is paused.
 */
export type Borrow = (bytes: Buffer) => number;

export interface BorrowedBufferSocket extends Socket {
  /** Null: nobody borrows. What is kept at that time is dropped. */
  lendTo(borrow: Borrow | null): void;
}

export function createBorrowedBufferSocket(): BorrowedBufferSocket {
  let reading: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  let other: Buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** Bytes at the start of `reading` that were left. */
  let kept = 0;
  /** Where the next read goes in `reading`. */
  let at = 0;
  let borrow: Borrow | null = null;

  function nextBuffer(): Buffer {
    at = kept;
    // A message larger than the buffer may leave little space, or none, for what follows.
    if (reading.length - at < BUFFER_BYTES / 2) reading = largerThan(reading);
    return reading.subarray(at);
  }

  function onRead(count: number): boolean {
    if (borrow === null) {
      socket.emit('data', Buffer.from(reading.subarray(at, at + count)));
      return true;
    }
    const bytes = reading.subarray(at - kept, at + count);
    const rest = bytes.subarray(borrow(bytes));
    [reading, other] = [other, reading];
    while (reading.length < rest.length) reading = largerThan(reading);
    kept = rest.copy(reading);
    return true;
  }

  // `net.connect` hands its options to this constructor, and `onread` is among them; the types know
  // it there only.
  const socket = new Socket({ onread: { buffer: nextBuffer, callback: onRead } } as SocketConstructorOpts);
  return Object.assign(socket, {
    lendTo(to: Borrow | null) {
      borrow = to;
      kept = 0;
    },
  });
}

function largerThan(buffer: Buffer): Buffer {
  const larger = Buffer.allocUnsafeSlow(2 * buffer.length);
  buffer.copy(larger);
  return larger;
}
