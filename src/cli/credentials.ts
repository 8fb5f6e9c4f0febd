/**
 * How a command signs in: with a token from `CLIPBOOK_TOKEN`, or with an email and a password. Neither a token nor a
 * password is taken as an argument, because arguments are shown to every user of the machine.
 */
import { openSync } from 'node:fs';
import { ReadStream, WriteStream } from 'node:tty';
import { CommandFailed, EXIT, HOW_TO_SIGN_IN } from './failure.js';

export type SignIn =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'email'; readonly email: string; readonly password: () => Promise<string> };

export interface Given {
  readonly email: string | undefined;
  readonly passwordStdin: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `--email` goes before `CLIPBOOK_TOKEN`, which goes before `CLIPBOOK_EMAIL`. An empty variable counts as not set. */
export function signInOf({ email, passwordStdin }: Given, environment: Environment, signal: AbortSignal): SignIn {
  const { CLIPBOOK_TOKEN: token, CLIPBOOK_EMAIL: emailVariable } = environment;
  if (email === undefined && token) {
    if (passwordStdin) throw new CommandFailed(EXIT.usage, 'With --password-stdin, give --email as well.');
    return { kind: 'token', token };
  }
  const chosen = email ?? emailVariable;
  if (!chosen) throw new CommandFailed(EXIT.usage, 'No credentials are given.', [HOW_TO_SIGN_IN]);
  let asked: Promise<string> | null = null;
  return {
    kind: 'email',
    email: chosen,
    password: () => {
      asked ??= passwordOf(`Password of ${chosen}: `, passwordStdin, environment, signal);
      return asked;
    },
  };
}

/** From the standard input if asked for, else from `CLIPBOOK_PASSWORD`, else from the terminal. */
export async function passwordOf(
  prompt: string,
  fromStdin: boolean,
  environment: Environment,
  signal: AbortSignal,
): Promise<string> {
  const { CLIPBOOK_PASSWORD: variable } = environment;
  if (fromStdin) return firstLineOf(process.stdin);
  if (variable) return variable;
  return askTerminal(prompt, signal);
}

async function firstLineOf(input: NodeJS.ReadableStream): Promise<string> {
  input.setEncoding('utf8');
  let text = '';
  for await (const chunk of input) {
    text += String(chunk);
    if (text.includes('\n')) break;
  }
  const [line = ''] = text.split(/\r?\n/);
  if (line === '') throw new CommandFailed(EXIT.usage, 'The standard input has no password in its first line.');
  return line;
}

/** Asks the terminal itself, so that it works while the standard input and output are pipes. Shows nothing of the answer. */
function askTerminal(prompt: string, signal: AbortSignal): Promise<string> {
  const terminal = openTerminal();
  if (terminal === null) {
    const hint = 'Set CLIPBOOK_PASSWORD, or use --password-stdin.';
    throw new CommandFailed(EXIT.usage, 'There is no terminal to ask for the password.', [hint]);
  }
  const { input, output } = terminal;
  output.write(prompt);
  input.setRawMode(true);
  input.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let line = '';
    const end = (): void => {
      signal.removeEventListener('abort', onAbort);
      input.setRawMode(false);
      input.destroy();
      output.write('\n');
      output.destroy();
    };
    const onAbort = (): void => {
      end();
      reject(new CommandFailed(EXIT.cancelled, 'Cancelled.'));
    };
    signal.addEventListener('abort', onAbort);
    input.on('data', (text: string) => {
      for (const character of text) {
        if (character === '\r' || character === '\n') {
          end();
          resolve(line);
          return;
        }
        // In this mode Ctrl-C and Ctrl-D are characters.
        if (character === '\x03' || character === '\x04') return onAbort();
        if (character === '\x7f' || character === '\b') line = [...line].slice(0, -1).join('');
        else if (character === '\x15') line = '';
        else if (character >= ' ') line += character;
      }
    });
  });
}

function openTerminal(): { readonly input: ReadStream; readonly output: WriteStream } | null {
  try {
    return { input: new ReadStream(openSync('/dev/tty', 'r')), output: new WriteStream(openSync('/dev/tty', 'w')) };
  } catch {
    return null;
  }
}
