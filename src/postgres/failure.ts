/**
 * Why a PostgreSQL can't be used, in one line for the operator: host, port and names, never the
 * password.
 */
import pg from 'pg';

/** A database that this version can't work on. The message is for the operator. */
export class DatabaseUnfit extends Error {
  override readonly name = 'DatabaseUnfit';
}

interface Failure extends Error {
  readonly code?: string;
}

export function postgresFailure(url: string, error: unknown): string {
  const { server, user, database } = namesIn(url);
  if (error instanceof DatabaseUnfit) return `database "${database}" of ${server}: ${error.message}`;
  const { code, message } = error as Failure;
  const notAllowed = (what: string): string =>
    `${server} does not allow user "${user}" what is needed in database "${database}": ${what} (42501)`;
  switch (code) {
    case 'ECONNREFUSED':
      return `${server} can not be reached: nothing listens there (${code})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${server} can not be reached: no such host (${code})`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `${server} can not be reached: no way to that host (${code})`;
    case '28P01':
      return `${server} refuses user "${user}" with the password of the URL (${code})`;
    case '28000':
      return `${server} does not let user "${user}" in from here: ${message} (${code})`;
    case '3D000':
      return `${server} has no database "${database}" (${code})`;
    case '42501':
      return notAllowed(message);
    case '25006':
      return `${server} is read-only, as a standby is: Clipbook needs the primary (${code})`;
    case '53300':
      return `${server} has no connection left: ${message} (${code})`;
    case '57P03':
      return `${server} does not take connections yet, or not any more: ${message} (${code})`;
    case undefined:
      break;
    default:
      return `${server}, database "${database}": ${message} (${code})`;
  }
  // The migrations' library puts it into words of its own.
  const denied = /permission denied for [^\n]*/.exec(message)?.[0];
  if (denied !== undefined) return notAllowed(denied);
  if (message.includes('password must be')) return `${server} asks for a password, and the URL has none`;
  if (message.includes('does not support SSL'))
    return `${server} does not speak TLS, which sslmode in the URL asks for`;
  if (message.includes('SSL connection')) return `what answers as ${server} is not a PostgreSQL: ${message}`;
  if (/timeout/.test(message)) return `${server} does not answer in time: is it a PostgreSQL?`;
  if (message.startsWith('Connection terminated')) return `${server} closes the connection: is it a PostgreSQL?`;
  return `${server}, database "${database}": ${message}`;
}

/**
 * What pg makes of the URL: it fills in what is left out, from PGHOST and the like or with
 * defaults.
 */
function namesIn(url: string): { readonly server: string; readonly user: string; readonly database: string } {
  try {
    const { host, port, user, database } = new pg.Client({ connectionString: url });
    return { server: `PostgreSQL at ${host}:${port}`, user: user ?? '', database: database ?? '' };
  } catch {
    // A file that the URL names can't be read: that is the failure itself.
    const { hostname, port, username, pathname } = new URL(url);
    return {
      server: `PostgreSQL at ${hostname}:${port === '' ? '5432' : port}`,
      user: username,
      database: pathname.slice(1),
    };
  }
}

/**
 * Classes of SQLSTATE that tell of the server or of another transaction, not of the statement: the
 * same may succeed later.
 */
const PASSING_CLASSES: ReadonlySet<string> = new Set(['08', '40', '53', '55', '57', '58']);
const SQLSTATE = /^[0-9A-Z]{5}$/;
/** What pg says, without a code, of a connection that broke or did not come about. */
const CONNECTION = /connection|timeout|client was closed/i;

/**
 * True where the same may succeed later: the server is away, busy or full, or the system refused
 * for the moment.
 */
export function isPassing(error: unknown): boolean {
  const { code, message } = error as Failure;
  if (typeof code !== 'string') return error instanceof Error && CONNECTION.test(message);
  // Node's names of system errors, such as ECONNREFUSED and ENOSPC, are no SQLSTATE: those of five
  // letters have no digit.
  if (SQLSTATE.test(code) && /\d/.test(code)) return PASSING_CLASSES.has(code.slice(0, 2));
  return /^E[A-Z]/.test(code);
}

/** True when PostgreSQL says that its disk is full. */
export const isDiskFull = (error: unknown): boolean => (error as Failure).code === '53100';

/** True when PostgreSQL itself refused: it was reached, and goes on. */
export function isAnswer(error: unknown): boolean {
  const { code } = error as Failure;
  if (typeof code !== 'string' || !SQLSTATE.test(code) || !/\d/.test(code)) return false;
  return !['08', '57'].includes(code.slice(0, 2));
}

/** True when PostgreSQL says that its own data are damaged. */
export function isCorruption(error: unknown): boolean {
  const { code } = error as Failure;
  return code === 'XX001' || code === 'XX002';
}
