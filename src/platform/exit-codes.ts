/**
 * How the process ends, by cause, so that a supervisor can tell what a restart may repair. The
 * numbers begin at 20: Node uses some of the numbers below 20 for its own failures.
 * docs/configuration.md lists them for operators.
 */
export const EXIT_CODES = {
  /** A failure that a restart may repair, and a setting that is wrong. */
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

/** What each means, and what an operator does: for docs/configuration.md. */
const MEANINGS: Readonly<Record<ExitCause, readonly [meaning: string, action: string]>> = {
  failed: [
    'a failure that a restart may repair, or a setting that is wrong',
    'a supervisor restarts it; the line names the setting',
  ],
  fenced: [
    'another process has taken this installation over, or the lock file of its journal is gone',
    'nothing, where two servers are configured for the same stores; where the line says that the file is gone, start it again',
  ],
  foreign: [
    'the stores belong to different installations',
    'correct `DATABASE_URL`, `REDIS_URL` or `DATA_DIR`; for a new installation: `clipbook init`',
  ],
  damaged: ['a store is damaged; the line names file and offset', '[guarantees.md](guarantees.md#damage)'],
  clock: ['the clock is too far off', 'set the clock'],
  loss: [
    'the stores do not fit together: one of them lacks what another one has',
    '`clipbook restore` names what is lost, in sequences',
  ],
  inUse: [
    'another process serves this installation, and its lease is alive, or it uses this `DATA_DIR`',
    'stop that process; a lease that nobody renews is over after 10 s',
  ],
};

/** The codes as rows of a Markdown table. */
export function exitCodesTable(): string {
  const rows = Object.entries(EXIT_CODES).map(([cause, code]) => {
    const [meaning, action] = MEANINGS[cause as ExitCause];
    return `| ${code} | ${meaning} | ${action} |`;
  });
  return ['| exit code | means | do |', '| --- | --- | --- |', ...rows].join('\n');
}

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
