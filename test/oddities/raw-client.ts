/**
 * A client that writes exactly the bytes that a test wants, and reads whatever comes back as HTTP
 * answers.
 */
import { connect, type Socket } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

export interface Conversation {
  /** Without `100 Continue`. */
  readonly answers: readonly RawAnswer[];
  /** Bytes that are no complete answer. */
  readonly rest: string;
  /** `open`: all awaited answers came, and the connection stayed. */
  readonly end: 'closed' | 'reset' | 'open';
}

export interface RawClientOptions {
  readonly port: number;
  /** Resolves when the server has read all that was sent before. */
  readonly settled: () => Promise<void>;
}

export interface Script {
  /** Each is one write, and one read of the server where the network allows it. */
  readonly segments: readonly string[];
  /** How many answers are awaited; fewer only when the server closes the connection. */
  readonly answers: number;
  /** Answers to HEAD, by their place: they have no body. */
  readonly heads?: readonly number[];
  /**
   * By segment: how many answers it waits for. Without a number, it waits until the server has read
   * the segment before.
   */
  readonly after?: readonly number[];
  /** The client cuts the connection after its last segment. */
  readonly cut?: boolean;
}

/** Segments are in latin1, so that a test can send any byte. */
export async function converse({ port, settled }: RawClientOptions, script: Script): Promise<Conversation> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const reader = createReader(script.heads ?? []);
  let end: Conversation['end'] | null = null;
  let wake: (() => void) | null = null;
  socket.on('data', (chunk: Buffer) => {
    reader.push(chunk);
    wake?.();
  });
  socket.on('error', () => {
    end ??= 'reset';
    wake?.();
  });
  socket.on('close', () => {
    end ??= 'closed';
    wake?.();
  });
  const until = async (holds: () => boolean): Promise<void> => {
    while (end === null && !holds()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };

  for (const [i, segment] of script.segments.entries()) {
    if (end !== null) break;
    const awaited = script.after?.[i] ?? 0;
    if (awaited > 0) await until(() => reader.answers.length >= awaited);
    else if (i > 0) await settled();
    await write(socket, segment);
  }
  if (script.cut === true) await settled();
  else await until(() => reader.answers.length >= script.answers);
  // What comes beyond the awaited answers is part of the picture as well.
  if (end === null) await settled();
  const conversation: Conversation = { answers: reader.answers, rest: reader.rest(), end: end ?? 'open' };
  socket.destroy();
  return conversation;
}

/** A write to a connection that the server has closed is no fault of the test. */
function write(socket: Socket, segment: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.writableEnded) resolve();
    else socket.write(segment, 'latin1', () => resolve());
  });
}

/** Parses answers as they come. They have a Content-Length, or no body at all. */
export function createReader(heads: readonly number[]) {
  const answers: RawAnswer[] = [];
  let bytes = Buffer.alloc(0);

  function next(): RawAnswer | null {
    const headEnd = bytes.indexOf('\r\n\r\n');
    if (headEnd === -1) return null;
    const head = bytes.toString('latin1', 0, headEnd);
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
    if (status === 0) return null;
    const hasBody = status !== 100 && status !== 204 && !heads.includes(answers.length);
    const length = hasBody ? Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0) : 0;
    if (bytes.length < headEnd + 4 + length) return null;
    const body = bytes.toString('utf8', headEnd + 4, headEnd + 4 + length);
    bytes = bytes.subarray(headEnd + 4 + length);
    return { status, head, body };
  }

  return {
    answers,
    rest: () => bytes.toString('latin1'),
    push(chunk: Buffer): void {
      bytes = Buffer.concat([bytes, chunk]);
      for (let answer = next(); answer !== null; answer = next()) if (answer.status !== 100) answers.push(answer);
    },
  };
}
