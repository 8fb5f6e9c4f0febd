/** wrk, and what it says. One thread: on two cores a second one would only take time from the server. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface WrkResult {
  readonly perSecond: number;
  readonly requests: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers that were not 2xx, and connections that broke. */
  readonly failed: number;
}

export interface WrkRun {
  readonly url: string;
  readonly script: 'assign' | 'redeem';
  readonly args: readonly string[];
  readonly connections: number;
  readonly seconds: number;
}

export async function runWrk({ url, script, args, connections, seconds }: WrkRun): Promise<WrkResult> {
  const lua = fileURLToPath(new URL(`../wrk/${script}.lua`, import.meta.url));
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', '-s', lua, url, '--', ...args];
  return parseWrk(await outputOf('wrk', options));
}

export function parseWrk(text: string): WrkResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  const errors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return {
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    requests: number(/(\d+) requests in/),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)/m.exec(text)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)/m.exec(text)?.[1]),
    failed: number(/Non-2xx or 3xx responses: (\d+)/) + errors.reduce((sum, count) => sum + Number(count), 0),
  };
}

function milliseconds(text = ''): number {
  const parts = /^([\d.]+)(us|ms|s)$/.exec(text);
  if (parts === null) throw new Error(`wrk says ${JSON.stringify(text)} where a time should be`);
  const unit = { us: 0.001, ms: 1, s: 1000 }[parts[2] as 'us' | 'ms' | 's'];
  return Number(parts[1]) * unit;
}

function outputOf(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.once('error', () =>
      reject(new Error('wrk is missing: install it (Debian and Ubuntu: apt-get install wrk; macOS: brew install wrk)')),
    );
    child.once('exit', (code) => (code === 0 ? resolve(text) : reject(new Error(`wrk ended with ${code}`))));
  });
}
