/** A WebSocket client of the tests: it keeps what came, and waits for what is still to come. */
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';

export interface LiveMessage {
  readonly type: string;
  readonly topics?: readonly string[];
  readonly topic?: string;
  readonly cursor?: string;
  readonly event?: string;
  readonly at?: string;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of an answer under test
  readonly data?: any;
  readonly code?: string;
  readonly detail?: string;
}

export interface LiveSocket {
  /** All messages so far, in order. */
  readonly messages: readonly LiveMessage[];
  /** All events so far that are not counts or hints. */
  events(): LiveMessage[];
  send(message: object | string): void;
  /** The first message, also of those that came already, that fits. */
  until(fits: (message: LiveMessage) => boolean, withinMs?: number): Promise<LiveMessage>;
  /** Waits for the end; resolves with the code. */
  closed(withinMs?: number): Promise<number>;
  readonly socket: WebSocket;
  end(): void;
}

interface LiveSocketOptions {
  readonly token?: string | null;
  readonly by?: 'header' | 'subprotocol' | 'message';
  readonly path?: string;
}

const WITHIN_MS = 15_000;

/** Rejects with the status when the connection is refused. */
export async function openSocket(
  url: string,
  { token = null, by = 'header', path = '/api/v1/events' }: LiveSocketOptions = {},
): Promise<LiveSocket> {
  const socket = new WebSocket(
    `${url.replace('http', 'ws')}${path}`,
    token !== null && by === 'subprotocol' ? ['bearer', token] : [],
    token !== null && by === 'header' ? { headers: { authorization: `Bearer ${token}` } } : {},
  );
  const messages: LiveMessage[] = [];
  let code: number | null = null;
  socket.on('message', (bytes: Buffer) => messages.push(JSON.parse(bytes.toString()) as LiveMessage));
  socket.on('close', (given: number) => {
    code = given;
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('open', () => resolve());
    socket.once('unexpected-response', (_request, response) => reject(new Error(`status ${response.statusCode}`)));
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  const send = (message: object | string): void =>
    socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  if (token !== null && by === 'message') send({ type: 'auth', token });

  async function until<T>(look: () => T | undefined, what: string, withinMs: number): Promise<T> {
    const untilMs = performance.now() + withinMs;
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      if (performance.now() > untilMs) {
        const last = JSON.stringify(messages.slice(-5));
        throw new Error(
          `${what} did not come within ${withinMs} ms; ${messages.length} messages came, the last: ${last}`,
        );
      }
      await sleep(5);
    }
  }

  return {
    messages,
    events: () => messages.filter(({ type, event, cursor }) => type === 'event' && event !== 'book.counts' && cursor),
    send,
    until: (fits, withinMs = WITHIN_MS) => until(() => messages.find(fits), 'the message', withinMs),
    closed: (withinMs = WITHIN_MS) => until(() => code ?? undefined, 'the close', withinMs),
    socket,
    end: () => socket.terminate(),
  };
}
