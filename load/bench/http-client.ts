/**
 * HTTP as the bench needs it beside wrk: JSON over kept-alive connections, and bodies in pieces.
 */
import { once } from 'node:events';
import { Agent, request } from 'node:http';

/**
 * Shorter than the idle limit of the server. Otherwise the server could close a connection at the
 * moment when a request is sent on it.
 */
const IDLE_MS_MAX = 5_000;

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** `<shard>-<seq>`; '' where nothing was changed. */
  readonly commitSeq: string;
}

export interface HttpClient {
  /**
   * `body`: an object is sent as JSON, pieces of text as CSV, each when the one before has gone.
   */
  call(method: string, path: string, body?: object | Iterable<string>): Promise<Answer>;
  /** The same, for answers with this status; others are thrown. Resolves to the parsed JSON. */
  expect(status: number, method: string, path: string, body?: object | Iterable<string>): Promise<JsonObject>;
  close(): void;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** The logins that a server of the benches comes with. */
const LOGINS = { admin: 'admin@admin.com', user: 'user@user.com' } as const;

/** An access token of that role. */
export async function signIn(url: string, role: keyof typeof LOGINS): Promise<string> {
  const client = createHttpClient(url, null);
  const credentials = { email: LOGINS[role], password: 'Password1' };
  try {
    const { accessToken } = await client.expect(200, 'POST', '/api/v1/auth/token', credentials);
    return String(accessToken);
  } finally {
    client.close();
  }
}

export function createHttpClient(url: string, token: string | null, sockets = 64): HttpClient {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets, timeout: IDLE_MS_MAX });
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };

  function call(method: string, path: string, body?: object | Iterable<string>): Promise<Answer> {
    const isCsv = body !== undefined && Symbol.iterator in body;
    const type = body === undefined ? {} : { 'content-type': isCsv ? 'text/csv' : 'application/json' };
    return new Promise((resolve, reject) => {
      const sent = request(`${url}${path}`, { method, agent, headers: { ...type, ...authorization } }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', reject);
        response.on('end', () => {
          const commitSeq = String(response.headers['commit-seq'] ?? '');
          resolve({ status: response.statusCode ?? 0, text, commitSeq });
        });
      });
      sent.on('error', reject);
      if (!isCsv) sent.end(body === undefined ? undefined : JSON.stringify(body));
      else sendAll(sent, body).catch(reject);
    });
  }

  return {
    call,
    async expect(status, method, path, body) {
      const answer = await call(method, path, body);
      if (answer.status !== status) throw new Error(`${method} ${path} got ${answer.status}: ${answer.text}`);
      return JSON.parse(answer.text);
    },
    close: () => agent.destroy(),
  };
}

async function sendAll(sent: ReturnType<typeof request>, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) if (!sent.write(piece)) await once(sent, 'drain');
  sent.end();
}
