/**
 * The HTTP API as the command line needs it.
 *
 * Every call may be sent again: reads by nature, changes because they carry an idempotency key. So
 * a call is repeated when its answer was lost, when the server says 503 or "too many at once", and
 * when the server cannot be reached although it was reached before (it restarts). All this within
 * `RETRY_MS_MAX`; a server that was never reached is told at once.
 */
import { type ClientRequest, type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SignIn } from './credentials.js';
import { CommandFailed, codeOf, EXIT, HOW_TO_SIGN_IN, messageOf } from './failure.js';

export interface Body {
  readonly type: string;
  /** Null: not known. */
  readonly bytes: number | null;
  /** False for what can be read only once, such as a pipe: then there is only one try. */
  readonly isRepeatable: boolean;
  /** From its start. Called again for each try. */
  readonly open: () => Readable;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** From the base path on. */
  readonly path: string;
  /** What is undefined is left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly json?: object;
  readonly body?: Body;
  readonly idempotencyKey?: string;
  readonly requestId?: string;
  /** One try, whatever becomes of it. */
  readonly once?: boolean;
  /**
   * What Ctrl-C does. `stop`, the default: ends it. `finish`: the try that is under way is
   * finished, and is the last one. `ignore`: nothing, because the call is part of cancelling.
   */
  readonly onCancel?: 'stop' | 'finish' | 'ignore';
}

export type Json = Readonly<Record<string, unknown>>;

export interface Client {
  token(): Promise<string>;
  /** The answer's JSON. Rejects with `CommandFailed` for everything but 2xx. */
  call(call: Call): Promise<Json>;
  /** The answer as it comes, once it is known to be 2xx. */
  open(call: Call): Promise<IncomingMessage>;
}

export interface ClientOptions {
  /** `http` or `https`; may have a path, where a proxy serves the API below one. */
  readonly url: URL;
  readonly signIn: SignIn;
  /** Ends calls with `EXIT.cancelled`, as `Call.onCancel` says. */
  readonly signal: AbortSignal;
  readonly note: (line: string) => void;
}

const CONNECT_MS_MAX = 10_000;
/** From the first failure of a call to its last try. */
const RETRY_MS_MAX = 60_000;
const RETRY_FIRST_MS = 250;
const RETRY_BACKOFF_MS_MAX = 5000;
const ANSWER_BYTES_MAX = 16 * 1024 * 1024;

/** Why a try failed, and what may be done about it. */
interface Refused {
  readonly failure: CommandFailed;
  /** `unauthenticated`: with a new token. `later`: after `waitMs` at least. */
  readonly again: 'never' | 'unauthenticated' | 'later';
  readonly waitMs: number;
}

export function createClient({ url, signIn, signal, note }: ClientOptions): Client {
  const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
  const send = url.protocol === 'https:' ? requestTls : requestPlain;
  let known = signIn.kind === 'token' ? signIn.token : null;
  let wasReached = false;

  async function token(): Promise<string> {
    if (known !== null) return known;
    if (signIn.kind === 'token') return signIn.token;
    const json = { email: signIn.email, password: await signIn.password() };
    const answer = await readJson(await repeat({ method: 'POST', path: '/auth/token', json }, async () => null), base);
    known = String(answer['accessToken']);
    return known;
  }

  /** Sends it until it succeeds, fails for good, or has been tried for too long. */
  async function repeat(call: Call, bearerOf: () => Promise<string | null>): Promise<IncomingMessage> {
    let firstMs: number | null = null;
    let backoffMs = RETRY_FIRST_MS;
    let isSignedInAnew = false;
    for (;;) {
      const bearer = await bearerOf();
      const tried = await attempt(call, bearer);
      if ('response' in tried) return tried.response;
      const { failure, again, waitMs } = tried.refused;
      if (again === 'never' || call.once === true || call.body?.isRepeatable === false) throw failure;
      if (again === 'unauthenticated') {
        if (signIn.kind === 'token' || bearer === null || isSignedInAnew) throw failure;
        isSignedInAnew = true;
        known = null;
        continue;
      }
      const nowMs = performance.now();
      firstMs ??= nowMs;
      const pauseMs = Math.max(waitMs, backoffMs);
      backoffMs = Math.min(RETRY_BACKOFF_MS_MAX, backoffMs * 2);
      if (nowMs + pauseMs - firstMs > RETRY_MS_MAX) throw failure;
      note(`${failure.message} Trying again in ${Math.ceil(pauseMs / 100) / 10} s.`);
      if (call.onCancel === 'ignore') await sleep(pauseMs);
      else
        await sleep(pauseMs, undefined, { signal }).catch(() => {
          throw cancelled();
        });
    }
  }

  async function attempt(
    call: Call,
    bearer: string | null,
  ): Promise<{ readonly response: IncomingMessage } | { readonly refused: Refused }> {
    if (signal.aborted && call.onCancel !== 'ignore') throw cancelled();
    const body = call.body?.open() ?? null;
    const exchanged = await exchange(call, bearer, body);
    if ('error' in exchanged) {
      if (signal.aborted && (call.onCancel ?? 'stop') === 'stop') throw cancelled();
      if (exchanged.fault !== null) throw exchanged.fault;
      const { error, isConnected } = exchanged;
      const message = isConnected
        ? `The connection to ${url.origin} was lost: ${networkText(error)}.`
        : `${url.origin} cannot be reached: ${networkText(error)}.`;
      const hints = wasReached ? [] : ['Is the server running? --url or CLIPBOOK_URL names another address.'];
      const failure = new CommandFailed(EXIT.unreachable, message, hints);
      return { refused: { failure, again: isConnected || wasReached ? 'later' : 'never', waitMs: 0 } };
    }
    const { response } = exchanged;
    wasReached = true;
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return { response };
    return { refused: await refusalOf(response, await readText(response).catch(() => ''), base) };
  }

  /** One request and the head of its answer. Resolves with the error if there is none. */
  function exchange(
    { method, path, query = {}, json, body: sent, idempotencyKey, requestId, onCancel = 'stop' }: Call,
    bearer: string | null,
    body: Readable | null,
  ): Promise<
    | { readonly response: IncomingMessage }
    | { readonly error: unknown; readonly isConnected: boolean; readonly fault: CommandFailed | null }
  > {
    const text = json === undefined ? null : Buffer.from(JSON.stringify(json));
    const length = text?.length ?? sent?.bytes ?? null;
    const type = sent?.type ?? (text === null ? null : 'application/json');
    const headers = {
      accept: 'application/json, text/csv, application/problem+json',
      ...(type === null ? {} : { 'content-type': type }),
      ...(length === null ? {} : { 'content-length': length }),
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
      ...(idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }),
      ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    };
    return new Promise((resolve) => {
      // A long upload must not begin on a kept-alive connection that the server is about to close.
      const own = sent === undefined ? {} : { agent: false as const };
      const request = send(`${base}/api/v1${path}${queryText(query)}`, {
        method,
        headers,
        ...(onCancel === 'stop' ? { signal } : {}),
        ...own,
      });
      let isConnected = false;
      let fault: CommandFailed | null = null;
      watchConnect(request, () => {
        isConnected = true;
      });
      request.on('error', (error) => {
        body?.destroy();
        resolve({ error, isConnected, fault });
      });
      request.on('response', (response) => {
        // An answer before the end of the body: nobody reads the rest.
        if (body !== null && !request.writableEnded) {
          body.unpipe(request);
          body.destroy();
          response.once('close', () => request.destroy());
        }
        resolve({ response });
      });
      if (body === null) {
        request.end(text ?? undefined);
        return;
      }
      body.on('error', (error) => {
        fault = error instanceof CommandFailed ? error : new CommandFailed(EXIT.usage, error.message);
        request.destroy(error);
      });
      body.pipe(request);
    });
  }

  async function open(call: Call): Promise<IncomingMessage> {
    return repeat(call, token);
  }

  return { token, open, call: async (call) => readJson(await open(call), base) };
}

function queryText(query: Readonly<Record<string, string | undefined>>): string {
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) given.set(name, value);
  return given.size === 0 ? '' : `?${given}`;
}

const cancelled = (): CommandFailed => new CommandFailed(EXIT.cancelled, 'Cancelled.');

function watchConnect(request: ClientRequest, onConnect: () => void): void {
  request.on('socket', (socket) => {
    if (!socket.connecting) {
      onConnect();
      return;
    }
    const timer = setTimeout(() => {
      request.destroy(new Error(`no connection within ${CONNECT_MS_MAX / 1000} s`));
    }, CONNECT_MS_MAX);
    socket.once('connect', () => {
      clearTimeout(timer);
      onConnect();
    });
    socket.once('close', () => clearTimeout(timer));
  });
}

const NETWORK_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the other side closed it',
  EPIPE: 'the other side closed it',
  ENOTFOUND: 'there is no host of this name',
  EAI_AGAIN: 'the name of the host could not be looked up',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to the network',
};

function networkText(error: unknown): string {
  const code = codeOf(error);
  const known = NETWORK_ERRORS[code];
  if (known !== undefined) return `${known} (${code})`;
  const message = messageOf(error) || code;
  return /CERT|SIGNATURE/.test(code)
    ? `${message} (${code}; NODE_EXTRA_CA_CERTS=<file> names a certificate to trust)`
    : message;
}

async function refusalOf(response: IncomingMessage, text: string, base: string): Promise<Refused> {
  const status = response.statusCode ?? 0;
  const problem = parsed(text);
  const exitCode = status >= 500 ? EXIT.unreachable : EXIT.refused;
  const { location, 'x-request-id': requestIdHeader, 'retry-after': retryAfter } = response.headers;
  if (problem === null || typeof problem['title'] !== 'string') {
    const to = location === undefined ? '' : ` and sends to ${location}`;
    const message = `${base} answers ${status}${to}, and not as Clipbook does. Is this its address?`;
    return { failure: new CommandFailed(exitCode, message), again: status === 503 ? 'later' : 'never', waitMs: 0 };
  }
  const { title, detail, instance, errors, type } = problem;
  const requestId = String(instance ?? requestIdHeader ?? 'unknown');
  const hints = fieldLines(errors);
  const isTokenRefused = status === 401 && String(type).endsWith('/unauthenticated');
  if (isTokenRefused) hints.push(HOW_TO_SIGN_IN);
  const waitMs = /^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) * 1000 : 0;
  if (waitMs > 0) hints.push(`The server asks to wait for ${waitMs / 1000} s.`);
  const message = `${title}: ${String(detail ?? '')} (${status}, request ${requestId})`;
  const isBusy = status === 503 || String(type).endsWith('/too-many-uploads');
  return {
    failure: new CommandFailed(exitCode, message, hints, status),
    again: isTokenRefused ? 'unauthenticated' : isBusy ? 'later' : 'never',
    waitMs,
  };
}

function fieldLines(errors: unknown): string[] {
  if (!Array.isArray(errors)) return [];
  return errors.map((error: { readonly path?: unknown; readonly message?: unknown }) =>
    error.path === '' ? String(error.message) : `${String(error.path)}: ${String(error.message)}`,
  );
}

async function readJson(response: IncomingMessage, base: string): Promise<Json> {
  let text: string;
  try {
    text = await readText(response);
  } catch (error) {
    if (error instanceof CommandFailed) throw error;
    throw new CommandFailed(EXIT.unreachable, `The answer of ${base} was cut off: ${networkText(error)}.`);
  }
  const body = text === '' ? {} : parsed(text);
  if (body === null) {
    const status = response.statusCode ?? 0;
    throw new CommandFailed(EXIT.refused, `${base} answers ${status}, and not as Clipbook does. Is this its address?`);
  }
  return body;
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new CommandFailed(EXIT.refused, 'The answer is too long.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parsed(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : null;
  } catch {
    return null;
  }
}
