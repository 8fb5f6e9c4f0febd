/** Questions whose answers are secret, on the terminal. */
import type { ReadStream } from 'node:tty';
import { CommandFailed, EXIT } from './failure.js';

export interface Terminal {
  /** Rejects at Ctrl-C, Ctrl-D and when the command is cancelled. */
  ask(question: string): Promise<string>;
  /** Gives the terminal back as it was. */
  close(): void;
}

interface Asked {
  resolve(answer: string): void;
  reject(error: CommandFailed): void;
}

/**
 * Raw mode, so that nothing of the answer shows. What is typed ahead belongs to the next question.
 */
export function openTerminal(input: ReadStream, signal: AbortSignal): Terminal {
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
