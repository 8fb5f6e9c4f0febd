/**
 * COPY as it is on the wire: CopyData messages in both directions, `d`, length, payload, a row each
 * when PostgreSQL sends.
 *
 * Millions of rows are passed on as whole sequences of such messages, in the buffers that the
 * socket filled, without an object per row. pg-copy-streams makes two objects for each row,
 * processes a whole buffer in one turn, and repacks rows to send them; a million rows took a second
 * of two threads that also serve callers. It is used for data of our own that comes in large
 * pieces.
 *
 * Protocol: PostgreSQL's documentation, "COPY Operations" and "Message Formats".
 */
import type { Duplex } from 'node:stream';
import type pg from 'pg';
import type { Borrow, BorrowedBufferSocket } from '../../platform/borrowed-buffer-socket.js';

/** Type and length of a message, before its payload. */
export const FRAME_HEAD_BYTES = 5;
const COPY_DATA = 0x64;
/** CopyOutResponse, CopyDone, and what may come at any time: ParameterStatus, NoticeResponse. */
const SKIPPED = new Set([...'HcSN'].map((type) => type.charCodeAt(0)));

/**
 * Gets whole CopyData messages, heads included, and how many they are: one per row, and in the
 * binary format one more at the end. They are lent until the promise resolves; nothing more is read
 * before.
 */
export type TakeFrames = (frames: Buffer, count: number) => Promise<void> | undefined;

interface Stretch {
  readonly frames: Buffer;
  readonly count: number;
}

type DataListener = (chunk: Buffer) => void;

/**
 * Runs `COPY … TO STDOUT`. Resolves with the number of rows when all were taken. After `take` has
 * failed the rest is read all the same, so that the connection stays good; then this rejects with
 * that error.
 */
export function copyFramesOut(client: pg.Client, copy: string, take: TakeFrames): Promise<number> {
  return new Promise((resolve, reject) => {
    let stream: Duplex;
    let giveBack: (rest: Buffer) => void;
    let failure: Error | null = null;
    let rows = 0;

    async function takeAll(stretches: readonly Stretch[]): Promise<void> {
      for (const { frames, count } of stretches) {
        if (failure !== null) return;
        try {
          await take(frames, count);
        } catch (error) {
          failure = error instanceof Error ? error : new Error(String(error));
        }
      }
    }

    const borrow: Borrow = (bytes) => {
      stream.pause();
      const { stretches, end, isOver } = splitFrames(bytes);
      void takeAll(stretches).then(() => {
        if (isOver) giveBack(bytes.subarray(end));
        stream.resume();
      });
      return isOver ? bytes.length : end;
    };

    client.query({
      submit(connection: pg.Connection) {
        stream = connection.stream as Duplex;
        giveBack = borrowFrom(stream, borrow);
        connection.query(copy);
      },
      handleCommandComplete({ text }: { readonly text: string }) {
        rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0);
      },
      handleReadyForQuery() {
        if (failure === null) resolve(rows);
        else reject(failure);
      },
      handleError: reject,
    } as pg.Submittable);
  });
}

/**
 * What is read from `stream` goes to `borrow` and not to pg, until the function that it returns
 * gives that the rest, and all that follows.
 */
function borrowFrom(stream: Duplex, borrow: Borrow): (rest: Buffer) => void {
  if (lendsBuffers(stream)) {
    stream.lendTo(borrow);
    return (rest) => {
      stream.lendTo(null);
      if (rest.length > 0) stream.emit('data', Buffer.from(rest));
    };
  }
  // Over TLS: the bytes come in buffers of their own.
  const listenersOfPg = stream.listeners('data') as DataListener[];
  let kept: Buffer = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    const bytes = kept.length === 0 ? chunk : Buffer.concat([kept, chunk]);
    kept = bytes.subarray(borrow(bytes));
  };
  for (const listener of listenersOfPg) stream.off('data', listener);
  stream.on('data', onData);
  return (rest) => {
    stream.off('data', onData);
    for (const listener of listenersOfPg) stream.on('data', listener);
    if (rest.length > 0) stream.emit('data', rest);
  };
}

const lendsBuffers = (stream: Duplex): stream is BorrowedBufferSocket => 'lendTo' in stream;

/**
 * The stretches of CopyData in `bytes`, where the last whole message ends, and whether another kind
 * of answer begins there.
 */
function splitFrames(bytes: Buffer): {
  readonly stretches: readonly Stretch[];
  readonly end: number;
  readonly isOver: boolean;
} {
  const stretches: Stretch[] = [];
  let start = 0;
  let at = 0;
  let count = 0;
  let isOver = false;
  while (at + FRAME_HEAD_BYTES <= bytes.length) {
    const isData = bytes[at] === COPY_DATA;
    // The length counts itself, not the type.
    const end = at + 1 + bytes.readInt32BE(at + 1);
    if (!isData && !SKIPPED.has(bytes[at] ?? 0)) {
      isOver = true;
      break;
    }
    if (end > bytes.length) break;
    if (isData) {
      count++;
    } else {
      if (at > start) stretches.push({ frames: bytes.subarray(start, at), count });
      start = end;
      count = 0;
    }
    at = end;
  }
  if (at > start) stretches.push({ frames: bytes.subarray(start, at), count });
  return { stretches, end: at, isOver };
}

export interface CopyFramesIn {
  /**
   * Sends whole CopyData messages, and keeps them until they are sent. The promise, where there is
   * one, resolves when more is wanted.
   */
  write(frames: Uint8Array): Promise<void> | undefined;
  /**
   * The same for messages that are lent: resolves when they are sent. Both throw what PostgreSQL
   * refused.
   */
  writeLent(frames: Uint8Array): Promise<void>;
  /**
   * Resolves with the number of rows when PostgreSQL has taken them all; rejects with what it
   * refused.
   */
  end(): Promise<number>;
}

/** Runs `COPY … FROM STDIN`. Resolves when PostgreSQL waits for the data. */
export function copyFramesIn(client: pg.Client, copy: string): Promise<CopyFramesIn> {
  return new Promise((resolve, reject) => {
    let connection: pg.Connection;
    let failure: Error | null = null;
    let rows = 0;
    let settle = (): void => undefined;
    const over = new Promise<void>((resolveOver) => {
      settle = resolveOver;
    });

    function checkOpen(): void {
      if (failure !== null) throw failure;
      // It says nothing more, so nobody could be told when it wants more.
      if (connection.stream.destroyed) throw new Error('the connection to PostgreSQL was lost');
    }

    const write: CopyFramesIn['write'] = (frames) => {
      checkOpen();
      return connection.stream.write(frames) ? undefined : drained(connection.stream as Duplex);
    };

    const writeLent: CopyFramesIn['writeLent'] = async (frames) => {
      checkOpen();
      // Lost or sent, the memory is free; whoever waits for the outcome hears of a loss.
      await new Promise<void>((resolveSent) => connection.stream.write(frames, () => resolveSent()));
    };

    client.query({
      submit(given: pg.Connection) {
        connection = given;
        connection.query(copy);
      },
      handleCopyInResponse() {
        resolve({
          write,
          writeLent,
          async end() {
            if (failure === null) (connection as unknown as { endCopyFrom(): void }).endCopyFrom();
            await over;
            if (failure !== null) throw failure;
            return rows;
          },
        });
      },
      handleCommandComplete({ text }: { readonly text: string }) {
        rows = Number(/^COPY (\d+)/.exec(text)?.[1] ?? 0);
      },
      handleReadyForQuery: () => settle(),
      handleError(error: Error) {
        failure = error;
        reject(error);
        settle();
      },
    } as pg.Submittable);
  });
}

/** Or lost: whoever waits is told of that by the connection itself. */
function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}
