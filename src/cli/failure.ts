/** How a command ends when it does not succeed: an exit code, and something to tell the user. */

/** Exit codes. Above 128 they are 128 plus the number of the signal, as shells count. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  refused: 3,
  unreachable: 4,
  internal: 70,
  cancelled: 130,
  closed: 141,
  terminated: 143,
} as const;

/** For `--help` and docs/cli.md. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  ok: 'done',
  failed: 'the operation failed, `verify` found a difference, or lines of `promotion import` were refused',
  usage: 'wrong use: an argument, a variable, or a file that cannot be read or written',
  refused:
    'refused by the server (HTTP 4xx), or by `user`, `restore`, `init` or `move-database`, which work on its stores',
  unreachable: 'the server or the database cannot be reached, or cannot answer now (HTTP 5xx)',
  internal: 'a fault in clipbook itself; CLIPBOOK_DEBUG=1 shows where',
  cancelled: 'cancelled by Ctrl-C (SIGINT)',
  closed: 'the reader of the standard output closed it, as `head` does (SIGPIPE)',
  terminated: 'ended by SIGTERM',
};

/** A failure that the user can do something about. It is shown without a stack. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed';
  readonly exitCode: number;
  /** Shown below the message, each on a line of its own. */
  readonly hints: readonly string[];
  /** Of the answer that is the cause; null: there is none. */
  readonly status: number | null;
  constructor(exitCode: number, message: string, hints: readonly string[] = [], status: number | null = null) {
    super(message);
    this.exitCode = exitCode;
    this.hints = hints;
    this.status = status;
  }
}

export const HOW_TO_SIGN_IN =
  'Sign in with --email and a password, or with a token: export CLIPBOOK_TOKEN=$(clipbook token --email <email>)';

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export const codeOf = (error: unknown): string => String((error as { readonly code?: unknown } | null)?.code ?? '');

/**
 * What is said of any error. The first line begins with `error:`, unless the command worked and
 * this is its outcome: a check that found something, or a cancellation. The stack is shown only
 * when `debug` is set.
 */
export function describeFailure(error: unknown, debug: boolean): { readonly exitCode: number; readonly text: string } {
  if (error instanceof CommandFailed) {
    const { exitCode, message, hints } = error;
    const isOutcome = exitCode === EXIT.failed || exitCode === EXIT.cancelled;
    const lines = [isOutcome ? message : `error: ${message}`, ...hints.map((hint) => `  ${hint}`)];
    return { exitCode, text: `${lines.join('\n')}\n` };
  }
  if (debug) return { exitCode: EXIT.internal, text: `${error instanceof Error ? error.stack : String(error)}\n` };
  const [firstLine = ''] = messageOf(error).split('\n');
  return {
    exitCode: EXIT.internal,
    text: `error: unexpected: ${firstLine} (set CLIPBOOK_DEBUG=1 for the stack)\n`,
  };
}
