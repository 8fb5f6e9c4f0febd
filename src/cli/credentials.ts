/**
 * How a command signs in: with a token from `CLIPBOOK_TOKEN`, or with an email and a password.
 * Neither a token nor a password is taken as an argument, because arguments are shown to every user
 * of the machine.
 */
import { openSync, readFileSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { CommandFailed, EXIT, HOW_TO_SIGN_IN, messageOf } from './failure.js';
import { openTerminal } from './question.js';

export type SignIn =
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'email'; readonly email: string; readonly password: () => Promise<string> };

export interface Given {
  readonly email: string | undefined;
  readonly passwordStdin: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** `--email` goes before `CLIPBOOK_TOKEN`, which goes before `CLIPBOOK_EMAIL`. */
export function signInOf({ email, passwordStdin }: Given, environment: Environment, signal: AbortSignal): SignIn {
  const token = email === undefined ? secretOf('CLIPBOOK_TOKEN', environment) : null;
  if (token !== null) {
    if (passwordStdin) throw new CommandFailed(EXIT.usage, 'With --password-stdin, give --email as well.');
    return { kind: 'token', token };
  }
  const chosen = email ?? environment['CLIPBOOK_EMAIL'];
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
async function passwordOf(
  prompt: string,
  fromStdin: boolean,
  environment: Environment,
  signal: AbortSignal,
): Promise<string> {
  if (fromStdin) return firstLineOf(process.stdin);
  return secretOf('CLIPBOOK_PASSWORD', environment) ?? askTerminal(prompt, signal);
}

/**
 * From the variable, or from the file that `<name>_FILE` names. An empty variable counts as not
 * set.
 */
function secretOf(name: string, environment: Environment): string | null {
  const [value, file] = [environment[name], environment[`${name}_FILE`]];
  if (value && file)
    throw new CommandFailed(EXIT.usage, `${name} and ${name}_FILE are both set; one of them is enough.`);
  if (value) return value;
  if (!file) return null;
  let text: string;
  try {
    text = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw new CommandFailed(EXIT.usage, `${name}_FILE: '${file}' cannot be read: ${messageOf(error)}.`);
  }
  if (text === '') throw new CommandFailed(EXIT.usage, `${name}_FILE: '${file}' is empty.`);
  return text;
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

/** Asks the terminal itself, so that it works while the standard input is a pipe. */
async function askTerminal(prompt: string, signal: AbortSignal): Promise<string> {
  const input = process.stdin.isTTY ? process.stdin : openControllingTerminal();
  if (input === null) {
    const hint = 'Set CLIPBOOK_PASSWORD, or use --password-stdin.';
    throw new CommandFailed(EXIT.usage, 'There is no terminal to ask for the password.', [hint]);
  }
  const terminal = openTerminal(input, signal);
  try {
    return await terminal.ask(prompt);
  } finally {
    terminal.close();
    if (input !== process.stdin) input.destroy();
  }
}

function openControllingTerminal(): ReadStream | null {
  try {
    return new ReadStream(openSync('/dev/tty', 'r'));
  } catch {
    return null;
  }
}
