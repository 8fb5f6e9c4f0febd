/** Programs that a bench starts and ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Child {
  readonly pid: number;
  /** What `ready` matched. */
  readonly match: RegExpExecArray;
  /** SIGTERM, and waits for its end. */
  stop(): Promise<void>;
}

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** It serves when a line of its output matches. */
  readonly ready: RegExp;
  readonly uid?: number;
  readonly gid?: number;
  readonly cwd?: string;
  readonly stopSignal?: NodeJS.Signals;
}

const TAIL_CHARACTERS = 4_000;
const running: Child[] = [];

/** Ends whatever still runs, the youngest first. */
export async function stopChildren(): Promise<void> {
  for (const child of running.splice(0).reverse()) await child.stop();
}

/**
 * Starts a program and waits until it is ready. Rejects with the end of its output when it ends
 * first.
 */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { command, args, env = {}, ready, uid, gid, cwd = ROOT, stopSignal = 'SIGTERM' } = options;
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const exited = once(child, 'exit');
    child.kill(stopSignal);
    await exited;
  };
  const match = await readiness(child, ready, `${command} ${args.join(' ')}`).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  const started = { pid: child.pid ?? 0, match, stop };
  running.push(started);
  return started;
}

function readiness(child: ChildProcess, ready: RegExp, name: string): Promise<RegExpExecArray> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const onOutput = (chunk: Buffer): void => {
      printed = (printed + chunk.toString()).slice(-TAIL_CHARACTERS);
      const match = ready.exec(printed);
      if (match !== null) resolve(match);
    };
    // The listeners stay: a pipe that nobody reads stops the program.
    child.stdout?.on('data', onOutput);
    child.stderr?.on('data', onOutput);
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${signal ?? code}:\n${printed}`)));
  });
}

/**
 * Builds into dist/, from where everything that is measured runs: a loader of TypeScript makes code
 * slower.
 */
export function build(): void {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error('the build failed');
}

/** Starts one of our own programs, a file of dist/. It has to print `… listening on URL`. */
export async function startNode(
  file: string,
  env: Readonly<Record<string, string>>,
  args: readonly string[] = [],
): Promise<Child & { readonly url: string }> {
  const child = await startChild({
    command: process.execPath,
    args: [`dist/${file}`, ...args],
    env: { PORT: '0', ...env },
    ready: /listening on (\S+)\n/,
  });
  return { ...child, url: child.match[1] ?? '' };
}
