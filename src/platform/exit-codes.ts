/**
 * How the process ends, by cause, so that a supervisor can tell what a restart may mend. The numbers begin at 20: Node
 * uses some of the numbers below 20 for its own failures. docs/production.md lists them for operators.
 */
export const EXIT_CODES = {
  /** A failure that a restart may mend, and a setting that is wrong. */
  failed: 1,
  /** Another process has taken over. This one must not be started again by itself. */
  fenced: 20,
  /** The stores belong to different installations. */
  foreign: 21,
  /** A store is damaged. */
  damaged: 22,
  /** A clock is too far off. */
  clock: 23,
  /** The stores do not fit together: one of them lacks what another one has. */
  loss: 24,
  /** Another process serves this installation, and its lease is alive. */
  inUse: 25,
} as const;

export type ExitCause = keyof typeof EXIT_CODES;

/** An end of the process with a cause of its own. The message is one line for the operator. */
export class ProcessEnd extends Error {
  override readonly name: string = 'ProcessEnd';
  constructor(
    readonly exitCause: ExitCause,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** `failed` for every error that names no cause of its own. */
export function exitCauseOf(error: unknown): ExitCause {
  return error instanceof ProcessEnd ? error.exitCause : 'failed';
}
