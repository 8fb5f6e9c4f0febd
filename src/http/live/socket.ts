/**
 * Live updates over WebSocket: `/api/v1/events`.
 *
 *     upgrade ─▶ token in the Authorization header or the subprotocol: checked before the connection is made
 *             └▶ neither: the first message has to bring one, within five seconds
 */
import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t, WebSocket } from '../../platform/uws.js';
import { PROBLEMS, type ProblemSlug } from '../api/problem.js';
import { problemJson } from '../api/problem-json.js';
import type { TokenCheck } from '../exchange/auth.js';
import { statusLine } from '../exchange/status-line.js';
import type { Services } from '../server/services.js';
import { type Account, LiveClient, type Transport } from './client.js';
import type { Live } from './live.js';
import { AUTHENTICATED, CLOSE, errorMessage, LAGGED } from './messages.js';
import { type ClientMessage, readMessage } from './requests.js';

const SOCKET_PATHS = ['/api/v1/events', '/events'] as const;

/** Of a message without topics: an access token is the longest. */
const MESSAGE_BYTES_MAX = 16 * 1024;
/** Of a topic in a message: a user id has 128 characters of up to 4 bytes. */
const TOPIC_BYTES_MAX = 128 * 4 + 16;
/** What may wait for a client that reads slowly. */
const BACKLOG_BYTES_MAX = 256 * 1024;
const AUTHENTICATE_MS_MAX = 5_000;
const MISSED_PINGS_MAX = 2;
/** How long a closed connection may take to end. */
const CLOSE_MS_MAX = 5_000;
const MESSAGES_PER_10_S_MAX = 200;
const SUBPROTOCOL = 'bearer';

interface SocketData {
  /** Null: no token was brought yet. */
  client: LiveClient | null;
  account: Account | null;
  isAuthenticating: boolean;
  openedMs: number;
  pingedMs: number;
  missedPings: number;
  /** When it was closed, if it was. */
  closedMs: number | null;
  /** What the client is still to be told. */
  goodbye: { readonly code: number; readonly reason: string } | null;
  windowMs: number;
  messages: number;
}

type Socket = WebSocket<SocketData>;

export interface Sockets {
  /** To be called twice a second. */
  tick(): void;
}

interface SocketsOptions {
  readonly app: TemplatedApp;
  readonly live: Live;
  readonly services: Services;
  /** How often each is pinged. */
  readonly pingMs: number;
  /** A connection has ended. */
  readonly onClose: () => void;
}

export function serveSockets({ app, live, services, pingMs, onClose }: SocketsOptions): Sockets {
  const sockets = new Set<Socket>();
  /** A message did not fit for them. */
  const lagging = new Set<Socket>();

  for (const path of SOCKET_PATHS) {
    app.ws<SocketData>(path, {
      compression: 0,
      // A client that resumes names all of its topics at once.
      maxPayloadLength: MESSAGE_BYTES_MAX + live.limits.topicsMax * TOPIC_BYTES_MAX,
      // Pings are sent by `tick`, and say sooner that the other end is gone.
      idleTimeout: 0,
      sendPingsAutomatically: false,
      maxBackpressure: BACKLOG_BYTES_MAX,
      closeOnBackpressureLimit: false,
      maxLifetime: 0,
      upgrade: (res, req, context) => upgrade(res, req, context),
      open(ws) {
        sockets.add(ws);
        const data = ws.getUserData();
        data.openedMs = services.nowMs();
        data.pingedMs = data.openedMs;
        if (data.account !== null) begin(ws, data.account);
      },
      message(ws, bytes, isBinary) {
        take(ws, bytes, isBinary);
      },
      dropped(ws) {
        // uWebSockets.js may be in the middle of its list of subscribers, which ends the process if
        // one of them leaves. Until the client is cut, nothing fits: its backlog has to shrink
        // first, which `drain` reports.
        if (lagging.size === 0) setImmediate(cutLagging);
        lagging.add(ws);
      },
      drain(ws) {
        if (lagging.delete(ws)) ws.getUserData().client?.cut();
        sayGoodbye(ws);
        ws.getUserData().client?.onWritable();
      },
      pong(ws) {
        ws.getUserData().missedPings = 0;
      },
      close(ws) {
        sockets.delete(ws);
        lagging.delete(ws);
        const data = ws.getUserData();
        data.closedMs ??= services.nowMs();
        data.client?.ended();
        onClose();
      },
    });
  }

  function cutLagging(): void {
    for (const ws of lagging) ws.getUserData().client?.cut();
    lagging.clear();
  }

  function upgrade(res: HttpResponse, req: HttpRequest, context: us_socket_context_t): void {
    const key = req.getHeader('sec-websocket-key');
    const extensions = req.getHeader('sec-websocket-extensions');
    const { protocol, token } = readProtocols(req.getHeader('sec-websocket-protocol'));
    const header = req.getHeader('authorization');
    const authorization = header !== '' ? header : token === null ? '' : `Bearer ${token}`;
    let isGone = false;
    res.onAborted(() => {
      isGone = true;
    });
    const accept = (account: Account | null, isLater: boolean): void => {
      if (isGone) return;
      if (!live.mayConnect(account?.caller ?? ''))
        return void refuse(res, 'overloaded', 'There are too many live connections.');
      const data: SocketData = {
        client: null,
        account,
        isAuthenticating: false,
        openedMs: 0,
        pingedMs: 0,
        missedPings: 0,
        closedMs: null,
        goodbye: null,
        windowMs: 0,
        messages: 0,
      };
      const toSocket = (): void => res.upgrade(data, key, protocol, extensions, context);
      if (isLater) upgradeLater(toSocket);
      else res.cork(toSocket);
    };
    if (services.isDraining()) return void refuse(res, 'draining', 'The server stops.');
    if (authorization === '') return void accept(null, false);
    let isLater = false;
    check(authorization, (result) => {
      if (isGone) return;
      if (result === null) refuse(res, 'overloaded', 'Too many tokens are being verified.');
      else if (result.ok) accept(result, isLater);
      else refuse(res, 'unauthenticated', result.detail);
    });
    isLater = true;
  }

  /**
   * Outside of the handler of its request, a response must not be upgraded in its own `cork`. When
   * the callback ends, uWebSockets.js reads the response, which is a WebSocket by then, and may
   * find that it should be closed. The cork of another connection is as good. Without any,
   * uWebSockets.js writes a warning.
   */
  function upgradeLater(toSocket: () => void): void {
    const [other] = sockets;
    if (other === undefined) toSocket();
    else other.cork(toSocket);
  }

  function check(authorization: string, reply: (result: TokenCheck | null) => void): void {
    const nowMs = services.nowMs();
    const remembered = services.tokens.remembered(authorization, nowMs);
    if (remembered !== null) reply(remembered);
    else services.tokens.verify(authorization, nowMs, reply);
  }

  function refuse(res: HttpResponse, slug: ProblemSlug, detail: string): void {
    const { status } = PROBLEMS[slug];
    const body = problemJson(slug, detail, services.newRequestId(), []);
    res.cork(() => {
      res.writeStatus(statusLine(status));
      res.writeHeader('Content-Type', 'application/problem+json');
      if (status === 503) res.writeHeader('Retry-After', '1');
      if (status === 401) res.writeHeader('WWW-Authenticate', 'Bearer realm="clipbook"');
      res.end(body, true);
    });
  }

  function begin(ws: Socket, account: Account): void {
    const data = ws.getUserData();
    data.account = account;
    data.client = new LiveClient(live, transportOf(ws), account);
    live.add(data.client);
  }

  function take(ws: Socket, bytes: ArrayBuffer, isBinary: boolean): void {
    const data = ws.getUserData();
    if (data.closedMs !== null) return;
    const nowMs = services.nowMs();
    if (nowMs - data.windowMs > 10_000) {
      data.windowMs = nowMs;
      data.messages = 0;
    }
    if (++data.messages > MESSAGES_PER_10_S_MAX) {
      const detail = `A client may send ${MESSAGES_PER_10_S_MAX} messages in ten seconds.`;
      ws.send(errorMessage('too-many-messages', detail));
      return void end(ws, CLOSE.tooMany, 'too many messages');
    }
    const message = isBinary ? null : readMessage(Buffer.from(bytes).toString());
    if (message === null || 'error' in message) {
      ws.send(message?.error ?? errorMessage('not-json', 'A message is text that holds JSON.'));
      if (data.client === null) end(ws, CLOSE.unauthenticated, 'no token');
      return;
    }
    if (message.type === 'auth') return void authenticate(ws, message.token);
    if (data.client === null) {
      if (!data.isAuthenticating) end(ws, CLOSE.unauthenticated, 'no token');
      return;
    }
    ask(ws, data.client, message);
  }

  function ask(ws: Socket, client: LiveClient, message: Exclude<ClientMessage, { type: 'auth' }>): void {
    const isTaken = client.request(() =>
      message.type === 'subscribe' ? client.subscribe(message) : client.unsubscribe(message.topics),
    );
    if (isTaken) return;
    ws.send(errorMessage('too-many-messages', 'Wait for the answers to earlier messages.'));
  }

  /** The first token of a connection, or a newer one of the same account. */
  function authenticate(ws: Socket, token: string): void {
    const data = ws.getUserData();
    if (data.isAuthenticating) return;
    data.isAuthenticating = true;
    check(`Bearer ${token}`, (result) => {
      if (data.closedMs !== null) return;
      data.isAuthenticating = false;
      if (result === null) return end(ws, CLOSE.tryAgainLater, 'too many tokens are being verified');
      if (!result.ok) return end(ws, CLOSE.unauthenticated, 'the token is not valid');
      const { client } = data;
      if (client === null) {
        if (!live.mayConnect(result.caller)) return end(ws, CLOSE.tryAgainLater, 'too many live connections');
        begin(ws, result);
      } else if (client.account.caller !== result.caller || client.account.role !== result.role) {
        return end(ws, CLOSE.unauthenticated, 'the token is of another account');
      } else client.account = result;
      ws.send(AUTHENTICATED);
    });
  }

  function transportOf(ws: Socket): Transport {
    const data = ws.getUserData();
    const isOpen = (): boolean => data.closedMs === null;
    return {
      send(text) {
        // 2: it did not fit.
        return !isOpen() || ws.send(text) !== 2;
      },
      backlog: () => (isOpen() ? ws.getBufferedAmount() : 0),
      follow(name) {
        if (isOpen()) ws.subscribe(name);
      },
      unfollow(name) {
        if (isOpen()) ws.unsubscribe(name);
      },
      tick() {},
      close: (code, reason) => end(ws, code, reason),
    };
  }

  function end(ws: Socket, code: number, reason: string): void {
    const data = ws.getUserData();
    if (data.closedMs !== null) return;
    data.closedMs = services.nowMs();
    data.client?.ended();
    data.goodbye = { code, reason };
    sayGoodbye(ws);
  }

  /**
   * Closes the connection as soon as there is room: a client that lags gets neither `LAGGED` nor
   * the close frame before it has read something.
   */
  function sayGoodbye(ws: Socket): void {
    const data = ws.getUserData();
    if (data.goodbye === null || ws.getBufferedAmount() > BACKLOG_BYTES_MAX) return;
    const { code, reason } = data.goodbye;
    data.goodbye = null;
    if (code === CLOSE.lagged) ws.send(LAGGED);
    ws.end(code, reason);
  }

  return {
    tick() {
      const nowMs = services.nowMs();
      for (const ws of sockets) {
        const data = ws.getUserData();
        if (data.closedMs !== null) {
          if (nowMs - data.closedMs > CLOSE_MS_MAX) ws.close();
        } else if (data.client === null && nowMs - data.openedMs > AUTHENTICATE_MS_MAX) {
          end(ws, CLOSE.unauthenticated, 'no token came in time');
        } else if (nowMs - data.pingedMs >= pingMs) {
          data.pingedMs = nowMs;
          if (data.missedPings++ >= MISSED_PINGS_MAX) ws.close();
          else ws.ping();
        }
      }
    },
  };
}

/** `bearer, TOKEN`: browsers can't set headers of a WebSocket. */
function readProtocols(header: string): { readonly protocol: string; readonly token: string | null } {
  const [first = '', token = ''] = header.split(',').map((part) => part.trim());
  return first.toLowerCase() === SUBPROTOCOL && token !== ''
    ? { protocol: first, token }
    : { protocol: '', token: null };
}
