/** A redis-server of one's own that syncs every write before it answers. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startChild } from './child.js';
import { freePort } from './free-port.js';

export interface OwnRedis {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** False where there is no redis-server on the PATH. */
export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0;

/** Keeps its files in `directory`/redis. */
export async function startRedis(directory: string): Promise<OwnRedis> {
  const home = join(directory, 'redis');
  mkdirSync(home, { recursive: true });
  const port = await freePort();
  const settings = {
    port,
    bind: '127.0.0.1',
    dir: home,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
  };
  const redis = await startChild({
    command: 'redis-server',
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    ready: /Ready to accept connections/,
  });
  return { url: `redis://127.0.0.1:${port}`, pid: redis.pid, stop: () => redis.stop() };
}
