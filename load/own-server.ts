/**
 * A Clipbook of one's own, built and started on a temporary directory, for as long as a load runs.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { largePostgresMemory } from './large-memory.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface OwnServer {
  readonly url: string;
  readonly pid: number;
  readonly directory: string;
  stop(): Promise<void>;
}

export async function startOwnServer(env: Readonly<Record<string, string>> = {}): Promise<OwnServer> {
  const built = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  if (built.status !== 0) throw new Error('the build failed');
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-load-'));
  // PostgreSQL may run as another user, which needs access to the directory.
  chmodSync(directory, 0o755);
  const child = spawn(process.execPath, ['dist/src/main.js'], {
    cwd: ROOT,
    env: {
      ...largePostgresMemory(),
      ...process.env,
      PORT: '0',
      LOG_LEVEL: 'warn',
      DATA_DIR: join(directory, 'data'),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await listening(child);
  return {
    url,
    pid: child.pid ?? 0,
    directory,
    async stop() {
      const exited = child.exitCode === null ? once(child, 'exit') : null;
      child.kill('SIGTERM');
      await exited;
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
      const url = /clipbook listening on (\S+)/.exec(printed)?.[1];
      if (url !== undefined) resolve(url);
    });
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${printed}`)));
  });
}
