/** `clipbook serve`: the server, in a process of its own, as `npm start` has it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CommandFailed, EXIT } from './failure.js';

/** Signals go on to the server. Its exit code becomes ours. */
export async function serve(signal: AbortSignal): Promise<void> {
  const entry = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../main.ts' : '../main.js', import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, entry], { stdio: 'inherit' });
  signal.addEventListener('abort', () => {
    // A terminal sends Ctrl-C to both.
    const hasHeard = signal.reason === 'SIGINT' && process.stdin.isTTY;
    if (!hasHeard) child.kill('SIGTERM');
  });
  const [code, killedBy] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (killedBy !== null) throw new CommandFailed(EXIT.failed, `The server was ended by ${killedBy}.`);
  process.exitCode = code ?? EXIT.failed;
}
