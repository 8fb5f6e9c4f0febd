/** The command line as a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeArgs } from './build.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export function startCli(args: readonly string[], env: Readonly<Record<string, string>>): ChildProcess {
  return spawn(process.execPath, [...nodeArgs('src/cli/main.ts'), ...args], {
    cwd: ROOT,
    env: { ...process.env, ...env },
  });
}

/** Its exit code, what it printed, and what it said beside it. */
export async function ended(child: ChildProcess) {
  let out = '';
  let told = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  await once(child, 'close');
  return { code: child.exitCode, out, told };
}
