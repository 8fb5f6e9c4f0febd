/**
 * The HTTP server of one thread. Several threads may listen on one port (SO_REUSEPORT); each has
 * its own exchanges, its own remembered tokens and its own limits, and shares nothing with the
 * others but the engine.
 *
 * A stop has two steps: `stopAccepting` closes the listening socket (and from then on every answer
 * ends its connection), `close` waits for what was accepted and cuts the rest off.
 */
// Before the library is loaded.
import './head-limit.js';
import type { Control, EndedTokens, Engine } from '../../engine/engine.js';
import type { FromLive } from '../../engine/live.js';
import {
  App,
  type HttpRequest,
  type HttpResponse,
  type TemplatedApp,
  us_listen_socket_close,
  us_socket_local_port,
} from '../../platform/uws.js';
import { describeApi } from '../api/openapi.js';
import { ANSWER_HEADERS } from '../api/openapi-headers.js';
import { reservedWords } from '../api/reserved-words.js';
import type { Method, Route } from '../api/route.js';
import { LACKING, NO_ROUTE, PREFLIGHT, ROUTES } from '../api/routes/table.js';
import { readScalar } from '../api/scalar.js';
import { createTokens, type TokenOptions } from '../exchange/auth.js';
import { Exchange } from '../exchange/exchange.js';
import { createTickets } from '../exchange/tickets.js';
import { describeLive } from '../live/asyncapi.js';
import { createLive, type LiveLimits, type LivePort } from '../live/live.js';
import { serveSockets } from '../live/socket.js';
import { createClientAddresses } from './client-address.js';
import { type Cors, createCors } from './cors.js';
import { createCounters } from './counters.js';
import type { Currency } from './currency.js';
import { COMMON_DEADLINE_MS, createDeadlines } from './deadlines.js';
import type { IpRange } from './ip-address.js';
import { createConnectionLimit, createRateLimit } from './limits.js';
import type { HttpLog } from './log.js';
import { createOrderRate } from './order-rate.js';
import { createRequestIds } from './request-ids.js';
import type { Expiring, Services } from './services.js';
import { createTurns } from './turns.js';
import { createUsageCounts } from './usage-counts.js';

export interface HttpOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly version: string;
  readonly tokens: TokenOptions;
  /** Tokens that are not valid when it starts. */
  readonly endedTokens: readonly EndedTokens[];
  /** The process's clock, Unix ms. */
  readonly nowMs: () => number;
  readonly log: HttpLog;
  /** Proxies whose word on the client's address is believed. */
  readonly trustedProxies: readonly IpRange[];
  /** Of promotions and carts that name none. */
  readonly currency: Currency;
  readonly flash: {
    /** Outside production. */
    readonly isOpen: boolean;
    readonly ordersPerSecond: number;
    /** `ORDER_RATE_BYTES` long, for all HTTP threads. */
    readonly rate: SharedArrayBuffer;
  };
  /** Origins whose pages may read answers, of `parseWebOrigin`; none: CORS is off. */
  readonly corsOrigins: readonly string[];
  /** `HTTP_COUNTERS_BYTES` long; see metrics.ts. */
  readonly counters: SharedArrayBuffer;
  readonly live: {
    readonly limits: LiveLimits;
    /** `LIVE_COUNTERS_BYTES` long. */
    readonly counters: SharedArrayBuffer;
    /** Names the data that cursors are of. */
    readonly dataSet: Uint8Array;
    /** How often WebSockets are pinged. */
    readonly pingMs?: number;
  };
  readonly limits?: Partial<HttpLimits>;
}

/** Per thread. */
export interface HttpLimits {
  /** Requests under way; past it, 503. */
  readonly inFlightMax: number;
  readonly connectionsMax: number;
  /** Connections that one address may open in ten seconds when more than half of all are taken. */
  readonly connectionsPerAddressMax: number;
  /** Unknown codes a minute of one caller with the role user. */
  readonly missesPerCallerMax: number;
  /** The same of one address: many callers may come from one, so it is wider. */
  readonly missesPerAddressMax: number;
  /** Failed sign-ins a minute. */
  readonly signInsPerEmailMax: number;
  readonly signInsPerAddressMax: number;
  /** Sign-ins at once: each takes tens of milliseconds of a core, on purpose. */
  readonly signInsAtOnceMax: number;
  /** Of one address, and of one email. */
  readonly signInsAtOncePerNameMax: number;
  /** Sign-ins that wait for their turn. All of them have to be through within a request's time. */
  readonly signInsWaitingMax: number;
  readonly signInsWaitingPerAddressMax: number;
  /** How long `close` waits for what was accepted. */
  readonly drainMs: number;
}

const HTTP_LIMITS: HttpLimits = {
  inFlightMax: 10_000,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 4_096,
  missesPerCallerMax: 10,
  missesPerAddressMax: 100,
  signInsPerEmailMax: 10,
  signInsPerAddressMax: 100,
  signInsAtOnceMax: 8,
  signInsAtOncePerNameMax: 2,
  signInsWaitingMax: 64,
  signInsWaitingPerAddressMax: 16,
  drainMs: 10_000,
};

export interface HttpServer {
  readonly port: number;
  /** Replaces the list of tokens that are not valid any more. */
  endTokens(ended: readonly EndedTokens[]): void;
  /** The live thread; returns what takes its messages. */
  connectLive(port: LivePort): (message: FromLive) => void;
  stopAccepting(): void;
  /** Resolves when everything is closed. */
  close(): Promise<void>;
  /** Closes everything as it is, in the middle of requests too. */
  closeNow(): void;
}

const TICK_MS = 100;
/** All live connections are looked at, which takes a millisecond where there are thousands. */
const TICKS_PER_LOOK = 5;
/** Proxies end connections that are silent for a minute or so. */
const PING_MS = 25_000;
const MINUTE_MS = 60_000;
const NAMES_MAX = 10_000;
/** Exchanges kept for the next requests; more than are ever under way at once on a quiet server. */
const POOL_MAX = 2_048;

/** Rejects when the port can't be listened on. */
export async function startHttpServer({
  engine,
  control,
  options,
}: {
  readonly engine: Engine;
  readonly control: Control;
  readonly options: HttpOptions;
}): Promise<HttpServer> {
  const limits = { ...HTTP_LIMITS, ...options.limits };
  const counters = createCounters(options.counters);
  const connections = createConnectionLimit({
    connectionsMax: limits.connectionsMax,
    perAddressMax: limits.connectionsPerAddressMax,
  });
  const perMinute = (countMax: number) => createRateLimit({ countMax, windowMs: MINUTE_MS, namesMax: NAMES_MAX });
  const clients = createClientAddresses(options.trustedProxies);
  const cors = createCors(options.corsOrigins, Object.keys(ANSWER_HEADERS));
  const pool: Exchange[] = [];
  let nowMs = options.nowMs();
  let isDraining = false;
  const tokens = createTokens(options.tokens);
  tokens.end(options.endedTokens);
  const deadlines = createDeadlines<Expiring>({
    commonMs: COMMON_DEADLINE_MS,
    nowMs: () => nowMs,
    expire: (exchange) => exchange.expire(),
  });
  const app = App();
  const live = createLive({
    ...options.live,
    engine,
    control,
    log: options.log,
    nowMs: () => nowMs,
    publish: (name, text) => void app.publish(name, text),
  });
  const usageCounts = createUsageCounts({ engine, control, nowMs: () => nowMs });
  const services: Services = {
    engine,
    control,
    counters,
    clients,
    cors,
    deadlines,
    log: options.log,
    tokens,
    tokenTtlSeconds: options.tokens.ttlSeconds,
    currency: options.currency,
    flash: {
      isOpen: options.flash.isOpen,
      rate: createOrderRate(options.flash.rate, options.flash.ordersPerSecond),
    },
    misses: { ofCaller: perMinute(limits.missesPerCallerMax), ofAddress: perMinute(limits.missesPerAddressMax) },
    tickets: createTickets(options.tokens),
    live,
    usageCounts,
    signIns: {
      ofEmail: perMinute(limits.signInsPerEmailMax),
      ofAddress: perMinute(limits.signInsPerAddressMax),
      turns: createTurns({
        atOnceMax: limits.signInsAtOnceMax,
        atOncePerNameMax: limits.signInsAtOncePerNameMax,
        waitingMax: limits.signInsWaitingMax,
        waitingPerAddressMax: limits.signInsWaitingPerAddressMax,
      }),
    },
    reserved: reservedWords(ROUTES),
    openApi: JSON.stringify(describeApi(ROUTES, options.version)),
    asyncApi: JSON.stringify(describeLive(options.version)),
    version: options.version,
    scalar: readScalar(),
    nowMs: () => nowMs,
    newRequestId: createRequestIds(),
    isDraining: () => isDraining,
    isOverloaded: () => deadlines.count > limits.inFlightMax,
  };
  const recycle = (exchange: Exchange): void => {
    if (pool.length < POOL_MAX) pool.push(exchange);
  };
  const take = (): Exchange => pool.pop() ?? new Exchange(services, recycle);

  const sockets = serveSockets({
    app,
    live,
    services,
    pingMs: options.live.pingMs ?? PING_MS,
    // The filter below is not told of it: an upgraded connection is no HTTP connection any more.
    onClose: () => connections.closed(),
  });
  const onConnection = (res: HttpResponse, change: number): void => {
    if (change < 0) {
      connections.closed();
      return;
    }
    const peer = Buffer.from(res.getRemoteAddressAsText()).toString('latin1');
    if (!connections.opened(clients.ofConnection(peer), nowMs)) {
      counters.add('connectionsRefused', 1);
      res.close();
    }
  };
  app.filter(onConnection);
  for (const route of ROUTES) {
    register(app, route, handlerOf(take, route, false));
    if (route.method === 'GET') app.head(uwsPattern(route.path), handlerOf(take, route, true));
  }
  const handleRest: Handler = (res, req) => {
    const exchange = take();
    exchange.request.url = req.getUrl();
    exchange.request.method = req.getCaseSensitiveMethod();
    const route = isPreflight(req, cors) ? PREFLIGHT : NO_ROUTE;
    exchange.begin(res, req, route, exchange.request.method === 'HEAD');
  };
  for (const { method, path } of LACKING) {
    app[REGISTER[method]](path, handleRest);
    if (method === 'GET') app.head(path, handleRest);
  }
  app.any('/*', handleRest);

  const socket = await listen(app, options.host, options.port);
  const lookAtLive = (): void => live.sweep((account) => tokens.isOver(account, nowMs));
  let ticks = 0;
  const ticker = setInterval(() => {
    nowMs = options.nowMs();
    deadlines.tick();
    counters.set('connections', connections.count);
    counters.set('inFlight', deadlines.count);
    live.tick();
    if (++ticks % TICKS_PER_LOOK !== 0) return;
    lookAtLive();
    sockets.tick();
  }, TICK_MS);

  let isClosed = false;
  const stopAccepting = (): void => {
    if (isDraining) return;
    isDraining = true;
    us_listen_socket_close(socket);
  };
  const closeNow = (): void => {
    if (isClosed) return;
    isClosed = true;
    stopAccepting();
    clearInterval(ticker);
    app.close();
  };
  return {
    port: us_socket_local_port(socket),
    endTokens(ended) {
      tokens.end(ended);
      lookAtLive();
    },
    connectLive: live.connect,
    stopAccepting,
    async close() {
      stopAccepting();
      live.closeAll();
      const untilMs = performance.now() + limits.drainMs;
      while (deadlines.count > 0 && performance.now() < untilMs)
        await new Promise((resolve) => setTimeout(resolve, 10));
      for (const exchange of deadlines.all()) exchange.giveUp();
      // Last answers are written on `setImmediate`.
      await new Promise((resolve) => setTimeout(resolve, 10));
      await usageCounts.close();
      closeNow();
    },
    closeNow,
  };
}

type Handler = (res: HttpResponse, req: HttpRequest) => void;

function handlerOf(take: () => Exchange, route: Route, isHead: boolean): Handler {
  if (route.spec.negotiates !== true) return (res, req) => take().begin(res, req, route, isHead);
  return (res, req) => {
    const exchange = take();
    exchange.request.accept = req.getHeader('accept');
    exchange.request.acceptEncoding = req.getHeader('accept-encoding');
    exchange.request.lastEventId = req.getHeader('last-event-id');
    exchange.begin(res, req, route, isHead);
  };
}

/** From an origin that is allowed; any other `OPTIONS` is a method that no path has. */
const isPreflight = (req: HttpRequest, cors: Cors | null): boolean =>
  cors !== null &&
  req.getCaseSensitiveMethod() === 'OPTIONS' &&
  req.getHeader('access-control-request-method') !== '' &&
  cors.headersFor(req.getHeader('origin')) !== '';

const REGISTER: Readonly<Record<Method, 'get' | 'post' | 'patch' | 'del'>> = {
  GET: 'get',
  POST: 'post',
  PATCH: 'patch',
  DELETE: 'del',
};

function register(app: TemplatedApp, route: Route, handler: Handler): void {
  app[REGISTER[route.method]](uwsPattern(route.path), handler);
}

const uwsPattern = (path: string): string => path.replace(/\{(\w+)\}/g, ':$1');

type ListenSocket = Parameters<typeof us_listen_socket_close>[0];

function listen(app: TemplatedApp, host: string, port: number): Promise<ListenSocket> {
  return new Promise((resolve, reject) => {
    app.listen(host, port, (socket) => {
      if (socket === false) reject(new Error(`can not listen on ${host}:${port}`));
      else resolve(socket);
    });
  });
}
