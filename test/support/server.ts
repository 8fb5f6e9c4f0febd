/** The real server, in a process of its own, on a data directory of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeArgs } from './build.js';
import { copyCluster } from './cluster.js';
import { endPostgres } from './postgres.js';
import type { Answered, Answers, Question } from './probed-main.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The server with a line to the test: `ask`. */
export const PROBED_MAIN = 'test/support/probed-main.ts';
const START_MS_MAX = 60_000;

export interface Server {
  readonly url: string;
  readonly pid: number;
  /** What it has printed so far. */
  output(): string;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** Resolves with the exit code when it has ended by itself. */
  ended(): Promise<number | null>;
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** Where `PROBED_MAIN` was started. */
  ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]>;
}

export type Environment = Readonly<Record<string, string>>;

export async function temporaryDirectory(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'clipbook-'));
  return {
    path,
    async remove() {
      // A server that was killed leaves its PostgreSQL to the next start, and here there is none.
      for (const dataDir of [path, join(path, 'data')]) await endPostgres(dataDir);
      await rm(path, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Resolves when it prints that it listens. Rejects with what it printed when it ends before. */
export async function startServer(
  dataDir: string,
  env: Environment = {},
  main = 'src/main.ts',
  args: readonly string[] = [],
): Promise<Server> {
  if (env['DATABASE_URL'] === undefined) {
    await mkdir(dataDir, { recursive: true });
    await copyCluster(join(dataDir, 'postgres'));
  }
  const child = spawn(process.execPath, [...nodeArgs(main), ...args], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'development', LOG_LEVEL: 'warn', PORT: '0', DATA_DIR: dataDir, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let printed = '';
  const take = (chunk: Buffer): void => {
    printed += chunk.toString();
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  // A test that fails must not leave a server behind.
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  child.once('exit', () => process.off('exit', killNow));
  const url = await listening(child, () => printed);
  const { pid } = child;
  if (pid === undefined) throw new Error('the server has no process id');
  const exited = once(child, 'exit');
  let questions = 0;
  const waiting = new Map<number, (answered: Answered) => void>();
  child.on('message', (answered: Answered) => {
    waiting.get(answered.id)?.(answered);
    waiting.delete(answered.id);
  });
  return {
    url,
    pid,
    output: () => printed,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
    async ended() {
      await exited;
      return child.exitCode;
    },
    async stop() {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    ask<Q extends Question>(question: Q): Promise<Answers[Q['ask']]> {
      const id = ++questions;
      return new Promise((resolve, reject) => {
        waiting.set(id, ({ answer, error }) => {
          if (error === undefined) resolve(answer as Answers[Q['ask']]);
          else reject(new Error(error));
        });
        child.send({ id, ...question }, (error) => error && reject(error));
      });
    },
  };
}

function listening(child: ChildProcess, printed: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the server did not start in time:\n${printed()}`));
    }, START_MS_MAX);
    child.stdout?.on('data', () => {
      const url = /clipbook listening on (\S+)/.exec(printed())?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the server ended with ${code}:\n${printed()}`));
    });
  });
}

/**
 * Undoes what a test began, the last first, however the test ends. The hooks of `t.after` run the
 * first first.
 */
export function undoes(t: { after(run: () => Promise<void>): void }): (undo: () => unknown) => void {
  const stack: (() => unknown)[] = [];
  t.after(async () => {
    const errors: unknown[] = [];
    for (const undo of stack.reverse()) await Promise.resolve(undo()).catch((error: unknown) => errors.push(error));
    if (errors.length > 0) throw new AggregateError(errors, 'the test could not be undone');
  });
  return (undo) => void stack.push(undo);
}
