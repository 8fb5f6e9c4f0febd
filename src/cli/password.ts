/**
 * A new password: from `CLIPBOOK_PASSWORD` or its file, from the terminal (twice, and it does not
 * show), or from standard input. Never from an argument: every user of the machine can read those
 * of every process.
 */
import { PASSWORD_LENGTH_MAX } from '../control/account-rules.js';
import { CommandFailed, EXIT } from './failure.js';
import { openTerminal } from './question.js';

/** More than the API asks for: these accounts are mostly administrators. */
const PASSWORD_LENGTH_MIN = 12;

/**
 * Rejects with `CommandFailed` when there is none, or none that is allowed. `given`: of the
 * environment.
 */
export async function newPassword(given: string | null, signal: AbortSignal): Promise<string> {
  if (given !== null) return checked(given);
  if (!process.stdin.isTTY) return checked(await standardInput());
  const terminal = openTerminal(process.stdin, signal);
  try {
    const password = checked(await terminal.ask('New password: '));
    if ((await terminal.ask('The same again: ')) === password) return password;
  } finally {
    terminal.close();
  }
  throw new CommandFailed(EXIT.usage, 'The two passwords are not the same; nothing was changed.');
}

function checked(password: string): string {
  const refused = (why: string): CommandFailed => new CommandFailed(EXIT.usage, `${why}; nothing was changed.`);
  if (password === '') throw refused('There is no password');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
  if (/[\x00-\x1f\x7f]/.test(password))
    throw refused('The password is more than one line, or holds a control character');
  if (password.length < PASSWORD_LENGTH_MIN)
    throw refused(`The password has fewer than ${PASSWORD_LENGTH_MIN} characters`);
  if (password.length > PASSWORD_LENGTH_MAX)
    throw refused(`The password has more than ${PASSWORD_LENGTH_MAX} characters`);
  return password;
}

const INPUT_LENGTH_MAX = 4096;

/** All of it, without the newline at its end. */
async function standardInput(): Promise<string> {
  let text = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin as AsyncIterable<string>) {
    text += chunk;
    if (text.length > INPUT_LENGTH_MAX) break;
  }
  return text.replace(/\r?\n$/, '');
}
