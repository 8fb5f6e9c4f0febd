/**
 * A real redis-server of the tests' own: a free port, a directory of its own, and nothing of any
 * other Redis is touched.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from '../../src/compose/port-check.js';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** Begins again on the same port and data; resolves when it answers and has loaded everything. */
  start(): Promise<void>;
  /** SIGKILL: nothing is flushed or said. */
  kill(): Promise<void>;
  /** SIGSTOP: connections stay, answers don't come. */
  pause(): void;
  /** SIGCONT. */
  resume(): void;
  /** One command over a connection of its own. Texts come as strings. */
  command(name: string, ...args: (string | number)[]): Promise<unknown>;
  /** Ends the server and removes its data. */
  destroy(): Promise<void>;
}

/** Every server that still runs, so that none outlives the test process. */
const running = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/**
 * AOF with `appendfsync always` and `noeviction`, where `settings` (as in redis.conf) don't say
 * otherwise.
 */
export async function startRedis(settings: Readonly<Record<string, string>> = {}): Promise<RedisServer> {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-redis-'));
  const port = await freePort('127.0.0.1');
  const all: Record<string, string> = {
    port: String(port),
    bind: '127.0.0.1',
    dir: directory,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'maxmemory-policy': 'noeviction',
    'repl-diskless-sync-delay': '0',
    loglevel: 'warning',
    ...settings,
  };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, ...value.split(' ')]);
  let child: ChildProcess | null = null;

  async function start(): Promise<void> {
    const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    started.stdout.on('data', (chunk) => {
      said += chunk;
    });
    started.stderr.on('data', (chunk) => {
      said += chunk;
    });
    child = started;
    running.add(started);
    let failure: Error | null = null;
    started.on('error', (error) => {
      failure = new Error(`redis-server can not be started (is it on the PATH?): ${error.message}`);
    });
    started.on('exit', (code, signal) => {
      running.delete(started);
      failure ??= new Error(`redis-server ended (${code ?? signal}): ${said}`);
    });
    for (;;) {
      if (failure !== null) throw failure;
      try {
        await command('PING');
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  async function kill(): Promise<void> {
    const ending = child;
    if (ending === null || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = new Promise((resolve) => ending.once('exit', resolve));
    ending.kill('SIGKILL');
    await ended;
  }

  async function command(name: string, ...commandArgs: (string | number)[]): Promise<unknown> {
    const redis = new Redis({
      host: '127.0.0.1',
      port,
      lazyConnect: true,
      retryStrategy: null,
      enableReadyCheck: false,
      ...(all['requirepass'] === undefined ? {} : { password: all['requirepass'] }),
    });
    redis.on('error', () => undefined);
    try {
      await redis.connect();
      return await redis.call(name, ...commandArgs);
    } finally {
      redis.disconnect();
    }
  }

  const credentials = all['requirepass'] === undefined ? '' : `:${encodeURIComponent(all['requirepass'])}@`;
  await start();
  return {
    url: `redis://${credentials}127.0.0.1:${port}`,
    port,
    start,
    kill,
    pause: () => void child?.kill('SIGSTOP'),
    resume: () => void child?.kill('SIGCONT'),
    command,
    async destroy() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
