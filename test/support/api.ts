/** Clipbook as a client sees it: JSON over a pool of kept-alive connections. */
import { Agent, request } from 'node:http';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // The caller knows the shape, and the assertions are what checks it.
  // biome-ignore lint/suspicious/noExplicitAny: bodies of many shapes, asserted by the tests
  readonly body: any;
}

export interface Api {
  call(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  close(): void;
}

export interface Connection extends Api {
  readonly token: string;
  /**
   * Sends a request but for the end of its body. Resolves with what sends the rest, when the
   * operating system has the first part.
   */
  begin(...request: Parameters<Api['call']>): Promise<() => Promise<Reply>>;
}

export const ADMIN = { email: 'admin@admin.com', password: 'Password1' };

/** Signed in as the seeded admin. */
export async function connect(url: string, options: { readonly sockets?: number } = {}): Promise<Connection> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.sockets ?? 64 });
  const raw = rawClient(url, agent);
  const signedIn = await raw('POST', '/api/v1/auth/token', ADMIN, {});
  if (signedIn.status !== 200) throw new Error(`sign-in got ${signedIn.status}: ${JSON.stringify(signedIn.body)}`);
  const token = signedIn.body.accessToken as string;
  const authorization = `Bearer ${token}`;
  return {
    token,
    call: (method, path, body, headers = {}) => raw(method, `/api/v1${path}`, body, { authorization, ...headers }),
    begin: (method, path, body, headers = {}) =>
      begin(url, agent, [method, `/api/v1${path}`, body, { authorization, ...headers }]),
    close: () => agent.destroy(),
  };
}

type Headers = Readonly<Record<string, string>>;
type RawRequest = readonly [method: string, path: string, body: unknown, headers: Headers];

export function rawClient(url: string, agent: Agent) {
  return (...raw: RawRequest): Promise<Reply> => {
    const payload = payloadOf(raw[2]);
    const { sent, replied } = open(url, agent, raw, payload);
    sent.end(payload);
    return replied;
  };
}

async function begin(url: string, agent: Agent, raw: RawRequest): Promise<() => Promise<Reply>> {
  const payload = payloadOf(raw[2]) ?? '';
  const { sent, replied } = open(url, agent, raw, payload);
  // Whoever finishes the request hears of it.
  replied.catch(() => undefined);
  await new Promise<void>((resolve) => sent.write(payload.slice(0, 1), () => resolve()));
  return () => {
    sent.end(payload.slice(1));
    return replied;
  };
}

function payloadOf(body: unknown): string | undefined {
  return body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
}

function open(url: string, agent: Agent, [method, path, , headers]: RawRequest, payload: string | undefined) {
  const type: Headers =
    payload === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
  const sent = request(`${url}${path}`, { method, agent, headers: { ...type, ...headers } });
  const replied = new Promise<Reply>((resolve, reject) => {
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = String(response.headers['content-type']).includes('json');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson && text !== '' ? JSON.parse(text) : text,
        });
      });
    });
  });
  return { sent, replied };
}
