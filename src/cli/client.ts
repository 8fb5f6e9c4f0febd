/** The HTTP API as the command line needs it. */
import { once } from 'node:events';
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import type { Readable } from 'node:stream';

/** What a command ends with; docs/bulk.md lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, refused: 3, unreachable: 4, cancelled: 130 } as const;

/** Something to tell the user in one line, and the exit code that goes with it. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number;
  constructor(exitCode: number, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface Credentials {
  readonly token: string | null;
  readonly email: string | null;
  readonly password: string | null;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** From the base path on. */
  readonly path: string;
  readonly json?: object;
  readonly stream?: { readonly type: string; readonly bytes: Readable };
  readonly signal?: AbortSignal;
}

export interface Client {
  token(): Promise<string>;
  /** The answer's JSON. Rejects with `CommandFailed` for everything but 2xx. */
  call(call: Call): Promise<Readonly<Record<string, unknown>>>;
  /** The answer as it comes. */
  open(call: Call): Promise<IncomingMessage>;
}

export function createClient(base: string, { token, email, password }: Credentials): Client {
  let known = token;

  async function signIn(): Promise<string> {
    if (known !== null) return known;
    if (email === null || password === null) {
      throw new CommandFailed(EXIT.usage, 'Give --token, or --email and --password (or CLIPBOOK_TOKEN).');
    }
    const answer = await readJson(await send({ method: 'POST', path: '/auth/token', json: { email, password } }, null));
    known = String(answer['accessToken']);
    return known;
  }

  async function send({ method, path, json, stream, signal }: Call, bearer: string | null): Promise<IncomingMessage> {
    const url = new URL(`/api/v1${path}`, base);
    const type = stream?.type ?? (json === undefined ? null : 'application/json');
    const headers = {
      ...(type === null ? {} : { 'content-type': type }),
      ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
    };
    const options = { method, headers, ...(signal === undefined ? {} : { signal }) };
    const sent = url.protocol === 'https:' ? requestTls(url, options) : requestPlain(url, options);
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    stream?.bytes.on('error', (error) => sent.destroy(error));
    if (stream !== undefined) stream.bytes.pipe(sent);
    else sent.end(json === undefined ? undefined : JSON.stringify(json));
    try {
      const [response] = await answered;
      return response;
    } catch (error) {
      if (signal?.aborted === true) throw new CommandFailed(EXIT.cancelled, 'Cancelled.');
      const why = error instanceof Error ? error.message || String((error as { code?: string }).code) : String(error);
      throw new CommandFailed(EXIT.unreachable, `${url.origin} can not be reached: ${why}`);
    }
  }

  async function open(call: Call): Promise<IncomingMessage> {
    const response = await send(call, await signIn());
    const status = response.statusCode ?? 0;
    if (status >= 200 && status < 300) return response;
    await readJson(response);
    throw new CommandFailed(EXIT.failed, `The server answered ${status}.`);
  }

  return { token: signIn, open, call: async (call) => readJson(await open(call)) };
}

async function readJson(response: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const status = response.statusCode ?? 0;
  const body = parsed(Buffer.concat(chunks).toString());
  if (status < 300) return body;
  const detail = String(body['detail'] ?? `The server answered ${status}.`);
  throw new CommandFailed(status >= 500 ? EXIT.unreachable : EXIT.refused, detail);
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return {};
  }
}
