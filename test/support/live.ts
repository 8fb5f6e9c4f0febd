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

  return {
    messages,
    events: () => messages.filter(isEvent),
    send,
    until: (fits, withinMs = WITHIN_MS) => waitFor(() => messages.find(fits), messages, withinMs),
    closed: (withinMs = WITHIN_MS) => waitFor(() => code ?? undefined, messages, withinMs),
    socket,
    end: () => socket.terminate(),
  };
}

/** Server-Sent Events, as a browser's EventSource reads them. */
export interface LiveStream {
  readonly messages: readonly LiveMessage[];
  events(): LiveMessage[];
  /** What `Last-Event-ID` would be. */
  lastId(): string;
  until(fits: (message: LiveMessage) => boolean, withinMs?: number): Promise<LiveMessage>;
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>;
  end(): void;
}

/** Rejects with the status and the body when it is refused. */
export async function openStream(
  url: string,
  query: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<LiveStream> {
  const abort = new AbortController();
  const path = `${url}/api/v1/events/sse?${new URLSearchParams(query).toString()}`;
  const response = await fetch(path, { headers, signal: abort.signal });
  if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
  const messages: LiveMessage[] = [];
  // A browser that reconnects has the id that it sends, until the server sends another.
  let lastId = headers['last-event-id'] ?? '';
  const ended = (async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        for (const line of text.slice(0, end).split('\n')) {
          if (line.startsWith('id: ')) lastId = line.slice(4);
          if (line.startsWith('data: ')) messages.push(JSON.parse(line.slice(6)) as LiveMessage);
        }
        text = text.slice(end + 2);
      }
    }
  })().catch(() => undefined);
  return {
    messages,
    events: () => messages.filter(isEvent),
    lastId: () => lastId,
    until: (fits, withinMs = WITHIN_MS) => waitFor(() => messages.find(fits), messages, withinMs),
    ended,
    end: () => abort.abort(),
  };
}

/** Of a change: no counts, and no hint. */
const isEvent = ({ type, event, cursor }: LiveMessage): boolean =>
  type === 'event' && event !== 'book.counts' && cursor !== undefined;

async function waitFor<T>(look: () => T | undefined, messages: readonly LiveMessage[], withinMs: number): Promise<T> {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    if (performance.now() > untilMs) {
      const last = JSON.stringify(messages.slice(-5));
      throw new Error(
        `nothing fitting came within ${withinMs} ms; ${messages.length} messages came, the last: ${last}`,
      );
    }
    await sleep(5);
  }
}
