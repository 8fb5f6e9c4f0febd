/** A real server on a free port, with parts in memory, and the ways in which tests talk to it. */

import { connect, type Socket } from 'node:net';
import type { Account } from '../../src/engine/engine.js';
import { createTokens, type TokenOptions } from '../../src/http/exchange/auth.js';
import { LIVE_COUNTERS_BYTES } from '../../src/http/live/counters.js';
import { parseRange } from '../../src/http/server/ip-address.js';
import { HTTP_COUNTERS_BYTES } from '../../src/http/server/metrics.js';
import { ORDER_RATE_BYTES } from '../../src/http/server/order-rate.js';
import { type HttpLimits, type HttpServer, startHttpServer } from '../../src/http/server/server.js';
import { createMemoryControl, createMemoryEngine, type MemoryControl, type MemoryEngine } from './memory-parts.js';

export const TOKENS: TokenOptions = {
  secret: 'a secret of at least thirty-two bytes',
  issuer: 'clipbook',
  audience: 'clipbook',
  ttlSeconds: 3600,
  refusesSeeded: false,
};

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The parsed body, {} if there is none; tests look into it freely. */
  readonly json: Readonly<Record<string, unknown>>;
}

export interface CallOptions {
  readonly as?: Account | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, a text as it is. */
  readonly body?: unknown;
}

export interface Served {
  readonly engine: MemoryEngine;
  readonly control: MemoryControl;
  readonly server: HttpServer;
  readonly counters: SharedArrayBuffer;
  readonly logged: { readonly fields: object; readonly message: string }[];
  tokenOf(account: Account): Promise<string>;
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /**
   * Sends bytes as they are; resolves with all that came until the server closed or `until` is in
   * it.
   */
  raw(bytes: string | readonly string[], until?: string): Promise<string>;
  open(): Promise<Socket>;
  stop(): Promise<void>;
}

/**
 * `proxies` are addresses and ranges, as in TRUSTED_PROXIES; `corsOrigins` are origins, as in
 * CORS_ORIGINS.
 */
export async function serve(
  limits: Partial<HttpLimits> = {},
  proxies: readonly string[] = [],
  corsOrigins: readonly string[] = [],
): Promise<Served> {
  const engine = createMemoryEngine();
  const control = createMemoryControl();
  const trustedProxies = proxies.map((text) => {
    const range = parseRange(text);
    if (range === null) throw new Error(`${text} is no range of addresses`);
    return range;
  });
  const counters = new SharedArrayBuffer(HTTP_COUNTERS_BYTES);
  const logged: { fields: object; message: string }[] = [];
  const note = (fields: object, message: string): void => void logged.push({ fields, message });
  const server = await startHttpServer({
    engine,
    control,
    options: {
      host: '127.0.0.1',
      port: 0,
      version: '0.0.0',
      nowMs: Date.now,
      tokens: TOKENS,
      endedTokens: [],
      counters,
      live: {
        limits: { connectionsMax: 1000, perCallerMax: 1000, topicsMax: 100 },
        counters: new SharedArrayBuffer(LIVE_COUNTERS_BYTES),
        dataSet: new Uint8Array(32),
        pingMs: 200,
      },
      trustedProxies,
      currency: { code: 'USD', isGiven: false },
      flash: { isOpen: false, ordersPerSecond: 1_000_000, rate: new SharedArrayBuffer(ORDER_RATE_BYTES) },
      corsOrigins,
      log: { warn: note, error: note, debug: note },
      limits: { drainMs: 1000, ...limits },
    },
  });
  const signer = createTokens(TOKENS);
  const tokens = new Map<string, string>();

  async function tokenOf(account: Account): Promise<string> {
    const token = tokens.get(account.id) ?? (await signer.sign(account, Date.now()));
    tokens.set(account.id, token);
    return token;
  }

  async function call(
    method: string,
    path: string,
    { as = null, headers = {}, body }: CallOptions = {},
  ): Promise<Answer> {
    const sent: Record<string, string> = { ...headers };
    if (as !== null) sent['authorization'] = `Bearer ${await tokenOf(as)}`;
    if (body !== undefined && sent['content-type'] === undefined) sent['content-type'] = 'application/json';
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method,
      headers: sent,
      body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
      redirect: 'manual',
    });
    const text = await response.text();
    const isJson = /json/.test(response.headers.get('content-type') ?? '') && text !== '';
    const json = isJson ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, headers: response.headers, text, json };
  }

  function open(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(server.port, '127.0.0.1', () => resolve(socket));
      socket.once('error', reject);
    });
  }

  async function raw(bytes: string | readonly string[], until?: string): Promise<string> {
    const socket = await open();
    return new Promise((resolve) => {
      let got = '';
      const end = (): void => {
        socket.destroy();
        resolve(got);
      };
      socket.on('data', (chunk) => {
        got += chunk.toString('latin1');
        if (until !== undefined && got.includes(until)) end();
      });
      socket.on('error', end);
      socket.on('close', end);
      for (const part of typeof bytes === 'string' ? [bytes] : bytes) socket.write(part, 'latin1');
    });
  }

  return {
    engine,
    control,
    server,
    counters,
    logged,
    tokenOf,
    call,
    raw,
    open,
    stop: () => server.close(),
  };
}

/** Waits until `holds`. Only what is broken comes to the end of it, however slow the machine. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const untilMs = performance.now() + 25_000;
  while (!holds()) {
    if (performance.now() > untilMs) throw new Error(`did not come: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
