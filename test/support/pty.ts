/**
 * A program on a real pseudo-terminal, by Python's pty module. A test file that uses it names
 * python3, so that `npm test` looks for that first.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { nodeArgs } from './build.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Copies between the terminal and its own standard input and output, and ends with the exit code of
 * the program.
 */
const RELAY = `
import os, pty, sys
status = pty.spawn(sys.argv[1:], lambda fd: os.read(fd, 65536), lambda fd: os.read(fd, 65536))
sys.exit(os.waitstatus_to_exitcode(status) % 256)
`;

export interface OnTerminal {
  /** All that the terminal has shown, control characters included. */
  shown(): string;
  /** Resolves when `text` has been shown; rejects when the program ends before. */
  shows(text: string): Promise<void>;
  type(text: string): void;
  /** Resolves with its exit code. */
  ended(): Promise<number | null>;
}

export function startOnTerminal(args: readonly string[], env: Readonly<Record<string, string>>): OnTerminal {
  const child = spawn('python3', ['-c', RELAY, process.execPath, ...nodeArgs('src/cli/main.ts'), ...args], {
    cwd: ROOT,
    env: { ...process.env, TERM: 'xterm', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let all = '';
  const waiting = new Set<() => void>();
  child.stdout.on('data', (chunk: Buffer) => {
    all += chunk.toString();
    for (const look of waiting) look();
  });
  return {
    shown: () => all,
    shows: (text) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!all.includes(text)) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
        child.once('close', () => reject(new Error(`it ended without ${JSON.stringify(text)}:\n${all}`)));
      }),
    type: (text) => void child.stdin.write(text),
    async ended() {
      await closed;
      return child.exitCode;
    },
  };
}
