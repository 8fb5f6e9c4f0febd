/**
 * SIGINT and SIGTERM, with one handler at a time.
 *
 * One wish to stop may arrive twice: a terminal signals the whole process group and npm passes the
 * signal on as well, and so do service managers that signal every process of a service. What comes
 * within `REPEAT_MS` of the signal before it is therefore the same wish.
 *
 * The syntax is old on purpose: `main` imports this file before it has checked the version of Node.
 */

/** What a shell reports for a process that a signal ended: 128 and the signal's number. */
const EXIT_CODES = { SIGINT: 130, SIGTERM: 143 };
const REPEAT_MS = 250;

/** Gets the exit code for "ended by this signal". */
export type SignalHandler = (exitCode: number) => void;

let handler: SignalHandler | null = null;
let lastMs = -REPEAT_MS;

/** From now on signals go to `next`, in place of the handler before it. */
export function onSignal(next: SignalHandler): void {
  if (handler === null) {
    process.on('SIGINT', () => receive(EXIT_CODES.SIGINT));
    process.on('SIGTERM', () => receive(EXIT_CODES.SIGTERM));
  }
  handler = next;
}

/**
 * Ends the process as the signal of this exit code would if nobody handled it; does nothing for
 * other exit codes.
 */
export function dieOfSignal(exitCode: number): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    if (EXIT_CODES[signal] !== exitCode) continue;
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  }
}

function receive(exitCode: number): void {
  const nowMs = Date.now();
  const isRepeated = Math.abs(nowMs - lastMs) < REPEAT_MS;
  lastMs = nowMs;
  if (!isRepeated && handler !== null) handler(exitCode);
}
