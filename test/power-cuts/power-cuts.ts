/**
 * Power cuts: the real server under load, on a journal whose file system forgets what was not
 * synced (cutfs.c).
 *
 *     start ─▶ verify ─▶ PostgreSQL stops ─▶ load ─▶ server and PostgreSQL are killed ─▶ power cut ─┐
 *       ▲                                          (sometimes a start is cut as well) ◀─────────────┘
 *
 * `kill -9` keeps the page cache, so the crash test can't tell whether anything was synced.
 * PostgreSQL stands still during the load: what it held, the cut could remove from the journal and
 * no caller would miss it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type KillLoopReport, killLoop } from '../crash/kill-loop.js';
import { nodeArgs } from '../support/build.js';
import { postmasterPid, signalPostgres } from '../support/postgres.js';
import type { Environment } from '../support/server.js';
import { mountCutFs, type Undone } from './cut-fs.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A start is over within this time, mostly. */
const START_MS = 1500;

export interface PowerCutOptions {
  readonly dataDir: string;
  readonly cuts: number;
  readonly seed: number;
  readonly env?: Environment;
  /** How long the server lives under load. */
  readonly lifeMs: readonly [number, number];
  readonly say: (line: string) => void;
}

export async function powerCuts(options: PowerCutOptions): Promise<KillLoopReport & { readonly undone: Undone }> {
  const { dataDir, env = {}, say } = options;
  const cutFs = await mountCutFs(join(dataDir, 'journal'));
  let seed = options.seed;
  try {
    const report = await killLoop({
      dataDir,
      env,
      kills: options.cuts,
      callers: 24,
      lifeMs: options.lifeMs,
      say,
      beforeLife: () => signalPostgres(dataDir, 'SIGSTOP'),
      async afterKill() {
        await cut();
        if (seed % 4 === 0) await cutStart();
      },
    });
    return { ...report, undone: cutFs.undone() };
  } finally {
    await cutFs.unmount();
  }

  async function cut(): Promise<void> {
    await killPostgres(dataDir);
    cutFs.cut(seed++);
  }

  async function cutStart(): Promise<void> {
    const child = spawn(process.execPath, nodeArgs('src/main.ts'), {
      cwd: ROOT,
      env: { ...process.env, NODE_ENV: 'development', LOG_LEVEL: 'error', PORT: '0', DATA_DIR: dataDir, ...env },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await Promise.race([once(child, 'exit'), new Promise((wake) => setTimeout(wake, Math.random() * START_MS))]);
    await kill(child);
    await cut();
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) throw new Error(`a start ended by itself with ${child.exitCode}`);
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/**
 * With SIGKILL, which needs no process to go on: a commit that waits in a socket must not be
 * carried out.
 */
async function killPostgres(dataDir: string): Promise<void> {
  while (postmasterPid(dataDir) !== null) {
    signalPostgres(dataDir, 'SIGKILL');
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
