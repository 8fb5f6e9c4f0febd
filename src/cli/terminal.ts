/**
 * What a command says. Results go to the standard output. Everything else goes to the standard
 * error: notes, and the progress of long operations, as a bar on a terminal and as a line now and
 * then elsewhere. Nothing is coloured.
 */
import { type Progress, startBar, startLines } from './progress.js';

export interface TerminalOptions {
  readonly isQuiet: boolean;
  readonly isJson: boolean;
}

export interface Terminal {
  /** The result: `text` for people, or `json` if `--json` was given. */
  result(text: string, json: object): void;
  /** One line of a result that comes piece by piece; not with `--json`. */
  resultLine(text: string): void;
  /** A result that people have seen in its lines; only with `--json`. */
  resultJson(json: object): void;
  note(text: string): void;
  /** One at a time. */
  progress(what: string): Progress;
}

const SILENT: Progress = { update() {}, clear() {}, finish() {}, stop() {} };

export function createTerminal({ isQuiet, isJson }: TerminalOptions): Terminal {
  const { stderr, stdout } = process;
  let shown = SILENT;
  const terminal: Terminal = {
    result: (text, json) => (isJson ? terminal.resultJson(json) : terminal.resultLine(text)),
    resultLine(text) {
      if (!isJson) stdout.write(`${text}\n`);
    },
    resultJson(json) {
      if (isJson) stdout.write(`${JSON.stringify(json)}\n`);
    },
    note(text) {
      if (isQuiet) return;
      shown.clear();
      stderr.write(`${text}\n`);
    },
    progress(what) {
      if (isQuiet) return SILENT;
      // A terminal that knows no control characters calls itself dumb.
      const isDrawn = stderr.isTTY && process.env['TERM'] !== 'dumb';
      shown = isDrawn ? startBar(what, stderr) : startLines(what, stderr);
      return shown;
    },
  };
  return terminal;
}
