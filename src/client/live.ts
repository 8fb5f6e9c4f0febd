/**
 * A client for live updates, for browsers and for Node. It needs no package, so a browser can load
 * the compiled files of this folder as they are.
 *
 *     reconnecting ─▶ live ◀─▶ stale          close() ─▶ closed, from any state
 *          ▲            │        │
 *          └────────────┴────────┘  the connection ends, or stays silent
 *
 * On each connection it sends one request at a time. The first one resumes all topics that it
 * already holds from the last cursor, because the server takes a cursor only with the first topics
 * of a connection. Topics that were added meanwhile, and those whose snapshot did not arrive, are
 * asked for after that. So each event is handed out once and in order, whenever connections end.
 *
 * A browser hides the server's pings from scripts. So after some silence the client sends its token
 * again, which the server answers with `authenticated`.
 */
import { requestText, TopicList, type TopicsRequest } from './topics.js';

/**
 * `live`: connected, and all topics are subscribed. `stale`: connected, but the server does not
 * answer. `reconnecting`: not connected, or topics are not subscribed yet. `closed`: for good.
 */
export type LiveState = 'live' | 'stale' | 'reconnecting' | 'closed';

export interface LiveEvent {
  /** The topics of this client that the event belongs to. */
  readonly topics: readonly string[];
  /** Such as `coupon.redeemed`. */
  readonly event: string;
  /** When it happened, as an ISO date. */
  readonly at: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** The position after the event. Null: a hint, which is never sent again. */
  readonly cursor: string | null;
}

export interface LiveSnapshot {
  readonly topic: string;
  readonly cursor: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/**
 * `code`: `token` (the function `token` failed), `connection` (a connection ended before it was
 * live), or a code of the server, such as `invalid-topic`.
 */
export class LiveError extends Error {
  constructor(
    readonly code: string,
    message: string,
    /** Topics that were refused. They are not subscribed any more. */
    readonly topics: readonly string[] = [],
  ) {
    super(message);
    this.name = 'LiveError';
  }
}

export interface LiveListeners {
  /** Each event. */
  event: (event: LiveEvent) => void;
  /** The state of a topic. It replaces all that was known of the topic; events after it follow. */
  snapshot: (snapshot: LiveSnapshot) => void;
  state: (state: LiveState) => void;
  /** The missed events are lost. A snapshot of each topic follows. */
  expired: () => void;
  error: (error: LiveError) => void;
}

/** The name of an event, such as `coupon.redeemed`: only events of this kind. */
export type LiveEventName = `${string}.${string}`;

/** What the client needs of a WebSocket. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
  /** Of the package `ws`: ends the connection without waiting for the other end. */
  terminate?(): void;
}

export interface LiveClientOptions {
  /** Of the server, such as `https://coupons.example.com`. */
  readonly url: string;
  /**
   * Gives an access token. It is called for the first connection, before a token ends, and when the
   * server does not take the last one.
   */
  readonly token: () => string | Promise<string>;
  readonly topics?: readonly string[];
  /** A snapshot comes before the events of each topic. */
  readonly snapshot?: boolean;
  /** A cursor of an earlier client, from which `topics` continue. */
  readonly since?: string;
  /** Where there is no global one (Node 20): that of the package `ws`. */
  readonly WebSocket?: new (
    url: string,
  ) => WebSocketLike;
  /** After this time without a message from the server, the state is `stale`. */
  readonly silenceMsMax?: number;
  /** A reconnect waits a random time up to this, and each further one up to twice as long. */
  readonly retryMsMin?: number;
  readonly retryMsMax?: number;
}

interface ServerMessage {
  readonly type: string;
  readonly topics?: readonly string[];
  readonly topic?: string;
  readonly cursor?: string;
  readonly event?: string;
  readonly at?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly code?: string;
  readonly detail?: string;
}

interface Token {
  readonly text: string;
  /** When a new one is due, by `performance.now()`. */
  readonly renewMs: number;
}

const UNAUTHENTICATED = 4401;
/** A connection that was live for this long was a good one: the next wait is short again. */
const STABLE_MS = 5_000;
/** The time between two looks at the clock, as a share of the silence that is allowed. */
const TICKS_PER_SILENCE = 6;
const TIMER_MS_MAX = 2 ** 31 - 1;
/** When the end of a token seems to be past already, the clock is wrong: the server will tell. */
const WRONG_CLOCK_MS = 60_000;

export class LiveClient {
  readonly #url: string;
  readonly #options: LiveClientOptions;
  readonly #topics = new TopicList();
  readonly #listeners = new Map<string, Set<(...values: never[]) => void>>();
  readonly #silenceMsMax: number;
  #state: LiveState = 'reconnecting';
  #cursor: string | null;
  #token: Token | null = null;
  #isTokenAsked = false;
  #socket: WebSocketLike | null = null;
  #isAuthenticated = false;
  /** The server has not answered the last token yet. */
  #isTokenSent = false;
  /** A newer token is to be sent when the server has answered the last one. */
  #isTokenDue = false;
  /** The request that the server has not answered yet. */
  #request: TopicsRequest | null = null;
  /** When the connection was begun, or the server was heard last. */
  #heardMs = 0;
  /** When the server was asked for a sign of life that did not come yet. */
  #probedMs: number | null = null;
  #liveSinceMs: number | null = null;
  #attempts = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #tickTimer: ReturnType<typeof setInterval> | undefined;
  readonly #handlers = new Map<string, (message: ServerMessage) => void>([
    ['event', (message) => this.#onEvent(message)],
    ['snapshot', (message) => this.#onSnapshot(message)],
    ['authenticated', () => this.#onAuthenticated()],
    ['subscribed', (message) => this.#onAnswer(message)],
    ['unsubscribed', (message) => this.#onAnswer(message)],
    ['expired', () => this.#onExpired()],
    ['error', (message) => this.#onRefusal(message)],
  ]);

  /** Begins to connect. */
  constructor(options: LiveClientOptions) {
    this.#options = options;
    this.#url = socketUrl(options.url);
    this.#cursor = options.since ?? null;
    this.#silenceMsMax = options.silenceMsMax ?? 30_000;
    for (const name of options.topics ?? []) {
      this.#topics.add(name, options.snapshot ?? false, options.since !== undefined);
    }
    void this.#connect();
  }

  get state(): LiveState {
    return this.#state;
  }

  /** The position after the last event that was handed out. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** Returns a function that removes the listener. */
  on<Kind extends keyof LiveListeners>(kind: Kind, listener: LiveListeners[Kind]): () => void;
  on(event: LiveEventName, listener: LiveListeners['event']): () => void;
  on(kind: string, listener: (...values: never[]) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  subscribe(topics: readonly string[], { snapshot = this.#options.snapshot ?? false } = {}): void {
    if (this.#state === 'closed') return;
    for (const name of topics) this.#topics.add(name, snapshot, false);
    this.#sendNext();
  }

  unsubscribe(topics: readonly string[]): void {
    for (const name of topics) this.#topics.remove(name);
    this.#sendNext();
  }

  close(): void {
    if (this.#state === 'closed') return;
    clearTimeout(this.#retryTimer);
    const socket = this.#forgetSocket();
    this.#setState('closed');
    socket?.close(1000);
  }

  // -- connection ---------------------------------------------------------------------------------

  async #connect(): Promise<void> {
    try {
      if (this.#token === null || performance.now() >= this.#token.renewMs) await this.#askToken();
    } catch (error) {
      this.#fail('token', error);
      return this.#retry();
    }
    if (this.#state === 'closed') return;
    try {
      const { WebSocket = globalWebSocket() } = this.#options;
      this.#follow(new WebSocket(this.#url));
    } catch (error) {
      this.#fail('connection', error);
      this.#retry();
    }
  }

  async #askToken(): Promise<void> {
    const text = await this.#options.token();
    this.#token = { text, renewMs: performance.now() + renewalMs(text) };
  }

  #follow(socket: WebSocketLike): void {
    this.#socket = socket;
    this.#heardMs = performance.now();
    this.#topics.restart();
    this.#tickTimer = setInterval(() => this.#tick(), this.#silenceMsMax / TICKS_PER_SILENCE);
    // What comes from an earlier connection is void.
    const ifCurrent = (run: () => void): void => {
      if (this.#socket === socket) run();
    };
    socket.onopen = () => ifCurrent(() => this.#sendToken());
    socket.onmessage = ({ data }: { readonly data: unknown }) => ifCurrent(() => this.#hear(String(data)));
    socket.onclose = ({ code, reason }: { readonly code: number; readonly reason: string }) =>
      ifCurrent(() => this.#ended(code, reason));
    // `onclose` follows, and says more.
    socket.onerror = () => undefined;
  }

  #ended(code: number, reason: string): void {
    if (code === UNAUTHENTICATED) this.#token = null;
    const liveMs = this.#liveSinceMs === null ? null : performance.now() - this.#liveSinceMs;
    if (liveMs === null) this.#fail('connection', `The connection ended with ${code} ${reason}`.trimEnd());
    else if (liveMs >= STABLE_MS) this.#attempts = 0;
    this.#forgetSocket();
    this.#retry();
  }

  /** Ends a connection that is of no use any more. */
  #drop(reason: string): void {
    const socket = this.#socket;
    this.#ended(1006, reason);
    if (socket?.terminate === undefined) socket?.close();
    else socket.terminate();
  }

  #forgetSocket(): WebSocketLike | null {
    const socket = this.#socket;
    clearInterval(this.#tickTimer);
    this.#socket = null;
    this.#isAuthenticated = false;
    this.#isTokenSent = false;
    this.#isTokenDue = false;
    this.#request = null;
    this.#probedMs = null;
    this.#liveSinceMs = null;
    return socket;
  }

  /** Exponential back-off with full jitter: clients that lost one server do not return at once. */
  #retry(): void {
    if (this.#state === 'closed') return;
    this.#setState('reconnecting');
    const { retryMsMin = 500, retryMsMax = 30_000 } = this.#options;
    const waitMs = Math.random() * Math.min(retryMsMax, retryMsMin * 2 ** this.#attempts++);
    this.#retryTimer = setTimeout(() => void this.#connect(), waitMs);
  }

  #tick(): void {
    const nowMs = performance.now();
    if (this.#token !== null && nowMs >= this.#token.renewMs && this.#isAuthenticated) void this.#renewToken();
    const quietMsMax = this.#silenceMsMax / 2;
    if (!this.#isAuthenticated) {
      if (nowMs - this.#heardMs > this.#silenceMsMax) this.#drop('The server does not answer.');
    } else if (this.#probedMs === null) {
      if (nowMs - this.#heardMs < quietMsMax) return;
      this.#probedMs = nowMs;
      this.#sendToken();
    } else if (nowMs - this.#probedMs > this.#silenceMsMax + quietMsMax) {
      this.#drop('The server does not answer.');
    } else if (nowMs - this.#probedMs > quietMsMax && this.#state === 'live') {
      this.#setState('stale');
    }
  }

  async #renewToken(): Promise<void> {
    if (this.#isTokenAsked) return;
    this.#isTokenAsked = true;
    try {
      await this.#askToken();
      this.#sendToken();
    } catch (error) {
      this.#fail('token', error);
    } finally {
      this.#isTokenAsked = false;
    }
  }

  /** The server ignores a token that comes while it checks another. */
  #sendToken(): void {
    if (this.#socket === null || this.#token === null) return;
    if (this.#isTokenSent) {
      this.#isTokenDue = true;
      return;
    }
    this.#isTokenSent = true;
    this.#socket.send(JSON.stringify({ type: 'auth', token: this.#token.text }));
  }

  #sendNext(): void {
    if (this.#socket === null || !this.#isAuthenticated || this.#request !== null) return;
    this.#request = this.#topics.next(this.#cursor);
    if (this.#request !== null) {
      this.#socket.send(requestText(this.#request));
    } else {
      this.#liveSinceMs ??= performance.now();
      if (this.#state === 'reconnecting') this.#setState('live');
    }
  }

  // -- messages of the server ---------------------------------------------------------------------

  #hear(text: string): void {
    this.#heardMs = performance.now();
    this.#probedMs = null;
    if (this.#state === 'stale') this.#setState('live');
    const message = parse(text);
    // After `lagged` the connection ends. Messages of later versions are passed over.
    if (message !== null) this.#handlers.get(message.type)?.(message);
  }

  #onEvent({ topics = [], event = '', at = '', data = {}, cursor = null }: Partial<LiveEvent>): void {
    if (cursor !== null) this.#cursor = cursor;
    if (!this.#topics.hold(topics)) return;
    const shown: LiveEvent = { topics, event, at, data, cursor };
    this.#emit(event, shown);
    this.#emit('event', shown);
  }

  #onSnapshot({ topic = '', cursor = '', data = {} }: ServerMessage): void {
    this.#cursor = cursor;
    if (this.#topics.hold([topic])) this.#emit('snapshot', { topic, cursor, data });
  }

  #onAuthenticated(): void {
    this.#isTokenSent = false;
    this.#isAuthenticated = true;
    if (this.#isTokenDue) {
      this.#isTokenDue = false;
      this.#sendToken();
    }
    this.#sendNext();
  }

  #onAnswer({ topics = [], cursor }: ServerMessage): void {
    this.#cursor = cursor ?? this.#cursor;
    if (this.#request !== null) this.#topics.answered(this.#request, topics);
    this.#request = null;
    this.#sendNext();
  }

  #onExpired(): void {
    this.#cursor = null;
    this.#topics.expire();
    this.#emit('expired');
    this.#drop('What came after the cursor is lost.');
  }

  #onRefusal({ code = '', detail = '' }: ServerMessage): void {
    const request = this.#request;
    if (code === 'bad-cursor') {
      this.#onExpired();
    } else if (code === 'unavailable' || code === 'too-many-messages' || request === null) {
      this.#fail(code, detail);
      this.#drop(detail);
    } else {
      const names = request.topics.map(({ name }) => name);
      for (const name of names) this.#topics.remove(name);
      this.#request = null;
      this.#emit('error', new LiveError(code, detail, names));
      this.#sendNext();
    }
  }

  // -- listeners ----------------------------------------------------------------------------------

  #setState(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #fail(code: string, error: unknown): void {
    if (this.#state === 'closed') return;
    this.#emit('error', new LiveError(code, error instanceof Error ? error.message : String(error)));
  }

  /** A listener that throws stops neither the client nor other listeners. */
  #emit(kind: string, ...values: unknown[]): void {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        listener(...(values as never[]));
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** Null: the text is not JSON. */
function parse(text: string): ServerMessage | null {
  try {
    return JSON.parse(text) as ServerMessage;
  } catch {
    return null;
  }
}

function socketUrl(url: string): string {
  const parsed = new URL(url);
  parsed.protocol = parsed.protocol.replace('http', 'ws');
  parsed.pathname = `${parsed.pathname.replace(/\/$/, '')}/api/v1/events`;
  return parsed.href;
}

function globalWebSocket(): new (url: string) => WebSocketLike {
  const { WebSocket } = globalThis as unknown as { readonly WebSocket?: new (url: string) => WebSocketLike };
  if (WebSocket === undefined) throw new Error('There is no WebSocket here. Hand one in as the option "WebSocket".');
  return WebSocket;
}

/** After how many ms a token is due to be renewed: four fifths of the time that it has left. */
function renewalMs(token: string): number {
  const endsMs = endOf(token);
  if (endsMs === null) return TIMER_MS_MAX;
  const leftMs = endsMs - Date.now();
  return leftMs > 0 ? leftMs * 0.8 : WRONG_CLOCK_MS;
}

/** Unix ms; null: the token does not say it. */
function endOf(token: string): number | null {
  try {
    const claims: unknown = JSON.parse(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')));
    const end = (claims as { readonly exp?: unknown } | null)?.exp;
    return typeof end === 'number' ? end * 1000 : null;
  } catch {
    return null;
  }
}
