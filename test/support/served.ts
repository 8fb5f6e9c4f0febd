/** A server for all tests of a file or of a suite: started before them, and stopped after. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { type Connection, connect, type Reply } from './api.js';
import { type Environment, type Server, startServer, temporaryDirectory } from './server.js';

export interface Served {
  readonly server: Server;
  readonly api: Connection;
  /** The body of a request that must succeed. */
  ok(method: string, path: string, body?: unknown): Promise<Reply['body']>;
}

/**
 * `prepare`: what the tests find there. A hook of its own could run before the server has started:
 * Node 20 runs the hooks of a file at once.
 */
export function served(env: Environment = {}, prepare: () => Promise<void> = async () => {}): Served {
  let directory: Awaited<ReturnType<typeof temporaryDirectory>> | undefined;
  let server: Server | undefined;
  let api: Connection | undefined;
  before(async () => {
    directory = await temporaryDirectory();
    server = await startServer(directory.path, env);
    api = await connect(server.url);
    await prepare();
  });
  after(async () => {
    api?.close();
    await server?.stop();
    await directory?.remove();
  });
  return {
    get server() {
      return server ?? assert.fail('it is started before the tests');
    },
    get api() {
      return api ?? assert.fail('it is started before the tests');
    },
    ok(method, path, body) {
      return succeeded(this.api, method, path, body);
    },
  };
}

/** The body of the answer, which must be a success. */
export async function succeeded(
  api: Connection,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply['body']> {
  const reply = await api.call(method, path, body, headers);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply.body;
}
