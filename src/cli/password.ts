/**
 * A new password: from `CLIPBOOK_PASSWORD` or its file, from the terminal (twice, and it does not show), or from standard
 * input. Never from an argument: every user of the machine can read those of every process.
 */
import type { ReadStream } from 'node:tty';
import { PASSWORD_LENGTH_MAX } from '../actor/account-rules.js';
import { CommandFailed, EXIT } from './failure.js';

/** More than the API asks for: these accounts are mostly administrators. */
export const PASSWORD_LENGTH_MIN = 12;

/** Rejects with `CommandFailed` when there is none, or none that is allowed. `given`: of the environment. */
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

interface Terminal {
  /** Rejects at Ctrl-C, Ctrl-D and when the command is cancelled. */
  ask(question: string): Promise<string>;
  /** Gives the terminal back as it was. */
  close(): void;
}

interface Asked {
  resolve(answer: string): void;
  reject(error: CommandFailed): void;
}

/** Raw mode, so that nothing of the answer shows. What is typed ahead belongs to the next question. */
function openTerminal(input: ReadStream, signal: AbortSignal): Terminal {
  let ahead: string[] = [];
  let answer: string[] = [];
  let asked: Asked | null = null;
  const cancelled = new CommandFailed(EXIT.cancelled, 'Cancelled; nothing was changed.');

  const onData = (chunk: string): void => {
    // Keys such as the arrows send an escape sequence, which is no part of a password.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: an escape sequence begins with one
    ahead.push(...chunk.replace(/\x1b(?:\[[0-?]*[ -/]*[@-~]|O.)?/g, ''));
    take();
  };
  const onAbort = (): void => end((waiting) => waiting.reject(cancelled));

  function take(): void {
    while (asked !== null && ahead.length > 0) key(ahead.shift() ?? '');
  }

  function key(typed: string): void {
    switch (typed) {
      case '\r':
      case '\n':
        end((waiting) => waiting.resolve(answer.join('')));
        return;
      case '\x03':
      case '\x04':
        ahead = [];
        end((waiting) => waiting.reject(cancelled));
        return;
      case '\x7f':
      case '\b':
        answer.pop();
        return;
      case '\x15':
        answer = [];
        return;
      default:
        answer.push(typed);
    }
  }

  function end(tell: (waiting: Asked) => void): void {
    if (asked === null) return;
    process.stderr.write('\n');
    tell(asked);
    asked = null;
  }

  input.setRawMode(true);
  input.setEncoding('utf8');
  input.on('data', onData);
  signal.addEventListener('abort', onAbort);
  return {
    ask(question) {
      if (signal.aborted) return Promise.reject(cancelled);
      process.stderr.write(question);
      answer = [];
      return new Promise((resolve, reject) => {
        asked = { resolve, reject };
        take();
      });
    },
    close() {
      signal.removeEventListener('abort', onAbort);
      input.off('data', onData);
      input.setRawMode(false);
      input.pause();
    },
  };
}
