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

export const ADMIN = { email: 'admin@admin.com', password: 'Password1' };

/** Signed in as the seeded admin. */
export async function connect(url: string, options: { readonly sockets?: number } = {}): Promise<Api> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.sockets ?? 64 });
  const raw = rawClient(url, agent);
  const signedIn = await raw('POST', '/api/v1/auth/token', ADMIN, {});
  if (signedIn.status !== 200) throw new Error(`sign-in got ${signedIn.status}: ${JSON.stringify(signedIn.body)}`);
  const authorization = `Bearer ${signedIn.body.accessToken}`;
  return {
    call: (method, path, body, headers = {}) => raw(method, `/api/v1${path}`, body, { authorization, ...headers }),
    close: () => agent.destroy(),
  };
}

export function rawClient(url: string, agent: Agent) {
  return (method: string, path: string, body: unknown, headers: Readonly<Record<string, string>>): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
      const type =
        payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(payload)) };
      const asked = request(`${url}${path}`, { method, agent, headers: { ...type, ...headers } }, (response) => {
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
      asked.on('error', reject);
      asked.end(payload);
    });
}
