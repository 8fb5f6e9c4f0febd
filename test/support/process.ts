/**
 * The compiled server as a process whose start is watched: how it ends, what it says, and what it
 * leaves running.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Build } from '../../scripts/compile.js';
import { waitFor } from '../journal/wait-for.js';

export interface Ended {
  /** As a shell reports it: 128 and the number of the signal, where a signal ended it. */
  readonly code: number | null;
  /** Standard output and error, by line. */
  readonly lines: readonly string[];
  readonly ms: number;
}

export interface Started {
  readonly child: ChildProcess;
  output(): string;
  /** From now, or from when `signal` is sent. */
  ended(signal?: NodeJS.Signals): Promise<Ended>;
}

export interface Launch {
  readonly env: Readonly<Record<string, string>>;
  /** What starts it, in the place of Node alone: a program and its arguments. */
  readonly through?: readonly string[];
}

export function launch({ path }: Build, { env, through = [] }: Launch): Started {
  const [program = process.execPath, ...args] = [...through, process.execPath, join(path, 'dist/src/main.js')];
  const child = spawn(program, args, {
    cwd: path,
    env: { ...process.env, NODE_ENV: 'development', LOG_LEVEL: 'warn', PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString();
    });
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const closed = once(child, 'close').then(() => process.off('exit', killNow));
  return {
    child,
    output: () => printed,
    async ended(signal) {
      const beganMs = performance.now();
      if (signal !== undefined) child.kill(signal);
      await closed;
      const ms = performance.now() - beganMs;
      return { code: statusOf(child), lines: printed.split('\n').filter((line) => line !== ''), ms };
    },
  };
}

function statusOf({ exitCode, signalCode }: ChildProcess): number | null {
  return signalCode === null ? exitCode : 128 + constants.signals[signalCode];
}

export const listening = ({ child, output }: Started): Promise<void> =>
  waitFor(() => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${output()}`);
    return output().includes('clipbook listening on ');
  }, 'it to listen');

/** What a container does about processes: none of them sees those of another one. */
export const APART = ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;

/** Whether this user may start programs through `APART`. */
export const canPartProcesses = (): boolean => spawnSync(APART[0], [...APART.slice(1), 'true']).status === 0;

/** The process that was started through `APART`, by the id that it has out here. */
export function partedProcess({ child }: Started): number {
  const { pid } = child;
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

/** A directory that goes at the end of the test, with what runs in it. */
export function dataDirectory(t: { after(undo: () => Promise<void>): void }): string {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-start-'));
  t.after(async () => {
    for (const pid of processesIn(directory)) process.kill(pid, 'SIGKILL');
    await waitFor(() => processesIn(directory).length === 0, 'all processes to be gone');
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  });
  return directory;
}

/**
 * Other processes that work in the directory or have a file of it open, and the watchers of such.
 * Linux only, as /proc is.
 */
export function processesIn(directory: string): number[] {
  const pids = readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid);
  const inside = pids.filter((pid) =>
    opened(pid).some((path) => path === directory || path.startsWith(`${directory}/`)),
  );
  return [...inside, ...inside.flatMap((watched) => watcherOf(watched) ?? [])];
}

/** The process that ends PostgreSQL when its Clipbook is gone; null when there is none. */
export function watcherOf(pid: number): number | null {
  const isWatcher = (candidate: number): boolean => {
    try {
      return (
        /\0clipbook-\w+-watcher\0/.test(readFileSync(`/proc/${candidate}/cmdline`, 'latin1')) &&
        readFileSync(`/proc/${candidate}/cmdline`, 'latin1').endsWith(`\0${pid}\0`)
      );
    } catch {
      return false;
    }
  };
  return (
    readdirSync('/proc')
      .map(Number)
      .find((candidate) => candidate > 0 && isWatcher(candidate)) ?? null
  );
}

function opened(pid: number): string[] {
  try {
    const links = [`/proc/${pid}/cwd`, ...readdirSync(`/proc/${pid}/fd`).map((fd) => `/proc/${pid}/fd/${fd}`)];
    return links.flatMap((link) => {
      try {
        return [readlinkSync(link)];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}
