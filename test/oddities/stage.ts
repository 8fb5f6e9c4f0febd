/**
 * The real server with a book of codes that anybody may redeem, and a way to run one script against
 * it.
 */
import { Agent } from 'node:http';
import { ADMIN, type Api, rawClient } from '../support/api.js';
import { startServer, temporaryDirectory } from '../support/server.js';
import type { Names } from './oddity.js';
import { type Conversation, converse, type Script } from './raw-client.js';

export interface Stage {
  readonly api: Pick<Api, 'call'>;
  readonly port: number;
  readonly token: string;
  /** Two codes that nobody has used yet. */
  names(): Promise<Names>;
  /** To the server itself, or to a front before it. */
  run(script: Script, port?: number): Promise<Conversation>;
  stop(): Promise<void>;
}

const CODES_AT_ONCE = 200;

export async function openStage(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const directory = await temporaryDirectory();
  const server = await startServer(directory.path, { HTTP_THREADS: '1', ...env });
  // No kept-alive connections: the server ends them after ten idle seconds, and here some seconds
  // are idle.
  const client = rawClient(server.url, new Agent({ keepAlive: false }));
  const port = Number(new URL(server.url).port);
  const signedIn = await client('POST', '/api/v1/auth/token', ADMIN, {});
  const token = String(signedIn.body.accessToken);
  const authorization = `Bearer ${token}`;
  const api: Pick<Api, 'call'> = {
    call: (method, path, body) => client(method, `/api/v1${path}`, body, { authorization }),
  };
  const made = await api.call('POST', '/coupon-books', { name: 'Oddities', redeemableBy: 'bearer' });
  const spare: string[] = [];
  let count = 0;
  let adding: Promise<void> | null = null;

  async function addCodes(): Promise<void> {
    const codes = Array.from({ length: CODES_AT_ONCE }, () => `ODD-${count++}`);
    const added = await api.call('POST', `/coupon-books/${made.body.id}/codes`, { codes });
    if (added.status !== 200) throw new Error(`the codes got ${added.status}: ${JSON.stringify(added.body)}`);
    spare.push(...codes);
    adding = null;
  }

  async function take(): Promise<string> {
    for (;;) {
      const code = spare.pop();
      if (code !== undefined) return code;
      adding ??= addCodes();
      await adding;
    }
  }

  /** The one HTTP thread has read all that came before this round trip. */
  const settled = async (): Promise<void> => {
    await api.call('GET', '/auth/me');
  };

  return {
    api,
    port,
    token,
    names: async () => ({ token, code: await take(), other: await take() }),
    run: (script, to = port) => converse({ port: to, settled }, script),
    async stop() {
      await server.stop();
      await directory.remove();
    },
  };
}
