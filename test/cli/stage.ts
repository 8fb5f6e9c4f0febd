/**
 * What tests of the command line run against: a real server, a proxy with faults in front of it,
 * and an administrator.
 */
import { join } from 'node:path';
import { ADMIN, type Api, connect } from '../support/api.js';
import { type FaultyProxy, startFaultyProxy } from '../support/faulty-proxy.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

export interface Stage {
  readonly directory: string;
  server: Server;
  readonly proxy: FaultyProxy;
  readonly api: Api;
  readonly token: string;
  newBook(name: string): Promise<string>;
  /** The process is killed, and another one serves on the same port. */
  killAndRestart(): Promise<void>;
  close(): Promise<void>;
}

export async function openStage(): Promise<Stage> {
  const directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  const server = await startServer(dataDir);
  const proxy = await startFaultyProxy(server.url);
  const api = await connect(server.url);
  const { accessToken } = (await api.call('POST', '/auth/token', ADMIN)).body;
  const stage: Stage = {
    directory: directory.path,
    server,
    proxy,
    api,
    token: accessToken,
    newBook: async (name) => (await api.call('POST', '/coupon-books', { name })).body.id,
    async killAndRestart() {
      await stage.server.kill();
      stage.server = await startServer(dataDir, { PORT: new URL(server.url).port });
    },
    async close() {
      api.close();
      proxy.stop();
      await stage.server.stop();
      await directory.remove();
    },
  };
  return stage;
}
