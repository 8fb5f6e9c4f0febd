/**
 * The child processes of embedded PostgreSQL. None of them outlives this process.
 *
 * `embedded.ts` does an orderly stop. This file covers the other ends:
 *
 * - **A signal that can't wait** (`endEmbeddedNow`): the server is told to shut down at once,
 *   without a checkpoint, and initdb is killed. The next start recovers from PostgreSQL's log, or
 *   runs initdb anew.
 * - **SIGKILL of this process.** Nothing of ours runs then, so each child has a watcher beside it:
 *   a shell that reads from a pipe whose other end only we hold. The kernel closes it with us, the
 *   read ends, and the watcher ends its child. The watcher runs as the user of its child, so this
 *   works also where PostgreSQL runs as another user than we do. What lost: the parent-death signal
 *   of Linux, which Node can't set without a native addon or `setpriv`, and which macOS does not
 *   have.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import * as path from 'node:path';
import type { Place } from './place.js';
import { signalQuietly } from './postmaster.js';

type Program = 'postgres' | 'initdb';

/**
 * A fast shutdown writes a checkpoint, and may take long; then an immediate one follows, after
 * which the next start recovers.
 */
const WATCH_POSTGRES = `
read -r end
kill -INT "$1" 2>/dev/null || exit 0
for second in 1 2 3 4 5; do sleep 1; kill -0 "$1" 2>/dev/null || exit 0; done
kill -QUIT "$1" 2>/dev/null`;
/**
 * initdb and its children are a process group. What it leaves behind is removed by the next start.
 */
const WATCH_INITDB = `
read -r end
kill -KILL "-$1" 2>/dev/null`;

/** Of a signal that can't wait: then its exit code is to be there within a second. */
const END_MS_MAX = 700;

const running = new Map<ChildProcess, Program>();
let ending = false;

/** Starts a program as the place's user, in a session of its own. Throws after `endEmbeddedNow`. */
export function startChild(place: Place, program: Program, args: readonly string[]): ChildProcess {
  if (ending) throw new Error('this process is about to end');
  const child = spawn(path.join(place.bin, program), args, {
    ...optionsIn(place),
    stdio: ['ignore', 'pipe', 'pipe', place.homeFd ?? 'ignore'],
  });
  running.set(child, program);
  const watcher = child.pid === undefined ? null : watch(place, program, child.pid);
  const forget = (): void => {
    running.delete(child);
    watcher?.kill('SIGKILL');
  };
  child.once('error', forget);
  child.once('exit', forget);
  return child;
}

/** True from the beginning of `endEmbeddedNow`. */
export function isEnding(): boolean {
  return ending;
}

/**
 * Ends every child without waiting for work under way. Resolves when they are gone, within a
 * second.
 */
export async function endEmbeddedNow(): Promise<void> {
  ending = true;
  const gone = [...running.keys()].map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const [child, program] of running) end(child, program, 'SIGQUIT');
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise((resolve) => {
    timer = setTimeout(resolve, END_MS_MAX);
  });
  await Promise.race([Promise.all(gone), late]);
  clearTimeout(timer);
  for (const [child, program] of running) end(child, program, 'SIGKILL');
}

function end({ pid }: ChildProcess, program: Program, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  if (program === 'postgres') signalQuietly(pid, signal);
  // Its children are of its group, and none of them would hear of its end.
  else signalQuietly(-pid, 'SIGKILL');
}

function watch(place: Place, program: Program, pid: number): ChildProcess | null {
  // Windows has no shell of this kind; there the next start ends what was left.
  if (process.platform === 'win32') return null;
  const script = program === 'postgres' ? WATCH_POSTGRES : WATCH_INITDB;
  const watcher = spawn('sh', ['-c', script, `clipbook-${program}-watcher`, String(pid)], {
    ...optionsIn(place),
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Where it can't run, the next start ends what was left.
  watcher.on('error', () => undefined);
  watcher.stdin?.on('error', () => undefined);
  watcher.unref();
  return watcher;
}

function optionsIn({ account }: Place) {
  return {
    ...(account ?? {}),
    cwd: '/',
    detached: true,
    // The child's messages are parsed: they must not be translated.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
  };
}
