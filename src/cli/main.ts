/**
 * `clipbook`: what every command has in common. Signals cancel it, and every error is one readable
 * line and an exit code.
 */
import { CommanderError } from 'commander';
import { dieOfSignal, onSignal } from '../platform/signals.js';
import { codeOf, describeFailure, EXIT } from './failure.js';
import { createProgram } from './program.js';

const aborting = new AbortController();
// The first Ctrl-C cancels, the second one ends the process at once. `npx` sends each a second
// time; that counts as one.
onSignal((exitCode) => {
  onSignal(dieOfSignal);
  aborting.abort(exitCode === EXIT.terminated ? 'SIGTERM' : 'SIGINT');
});

const debug = Boolean(process.env['CLIPBOOK_DEBUG']);

// The reader of our output went away, as `head` does. Nobody is there to be told.
process.stdout.on('error', (error) => end(error));
process.stderr.on('error', () => process.exit(EXIT.closed));
process.on('uncaughtException', end);
process.on('unhandledRejection', end);

try {
  await createProgram(aborting.signal).parseAsync();
} catch (error) {
  // Commander has told its own errors.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  else end(error);
}

function end(error: unknown): never {
  if (codeOf(error) === 'EPIPE') process.exit(EXIT.closed);
  const { exitCode, text } = describeFailure(error, debug);
  process.stderr.write(text);
  process.exit(exitCode === EXIT.cancelled && aborting.signal.reason === 'SIGTERM' ? EXIT.terminated : exitCode);
}
