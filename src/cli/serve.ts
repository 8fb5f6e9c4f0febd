/** `clipbook serve`: the server, in a process of its own, as `npm start` has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { EXIT } from './failure.js';

/** `args` are those of `main`. Signals go on to the server. Its end becomes ours. */
export async function serve(signal: AbortSignal, args: readonly string[]): Promise<void> {
  const entry = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, entry, ...args], { stdio: 'inherit' });
  // After Ctrl-C the server gets it twice, from the terminal and from here. It takes both for one.
  signal.addEventListener('abort', () => child.kill(signal.reason as NodeJS.Signals));
  const [code, endedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  process.exitCode = code ?? exitCodeOf(endedBy);
}

function exitCodeOf(signal: NodeJS.Signals | null): number {
  if (signal === 'SIGINT') return EXIT.cancelled;
  return signal === 'SIGTERM' ? EXIT.terminated : EXIT.failed;
}
