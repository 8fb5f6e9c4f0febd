/** wrk, with a script of load/wrk: one thread, so that the generator takes one core at most. */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { ROOT } from './child.js';

const SCRIPTS = join(ROOT, 'load', 'wrk');

export interface WrkResult {
  readonly requests: number;
  readonly rate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Answers with a status of 400 or more. */
  readonly refused: number;
  /** Connections that could not be made or broke, and answers that took longer than two seconds. */
  readonly broken: number;
  /** From cycle.lua alone. */
  readonly split?: Split;
}

/** Answers with 200 apart from those with 503. */
export interface Split {
  readonly answered: Part;
  readonly refused: Part;
  /** Of the refused, those without `Retry-After`. */
  readonly untold: number;
  /** Neither 200 nor 503. */
  readonly other: number;
}

export interface Part {
  readonly count: number;
  /** 0 where there is none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface WrkOptions {
  readonly script: string;
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly args: readonly string[];
}

/** Throws one line when wrk is missing. */
export function requireWrk(): void {
  // wrk prints its version and ends with 1.
  if (spawnSync('wrk', ['--version']).error !== undefined)
    throw new Error('wrk is missing: install it (apt-get install wrk, brew install wrk, https://github.com/wg/wrk)');
}

export async function runWrk(options: WrkOptions): Promise<WrkResult> {
  return parseWrk(await wrkOutput(options));
}

/** Out of what the scripts print in the end. */
export function parseWrk(printed: string): WrkResult {
  const line = /RESULT (\{.*\})/.exec(printed)?.[1];
  if (line === undefined) throw new Error(`wrk reported nothing: ${printed}`);
  const raw = JSON.parse(line) as Record<string, number>;
  const value = (name: string): number => raw[name] ?? Number.NaN;
  const split = splitOf(printed);
  return {
    requests: value('requests'),
    rate: value('requests') / (value('durationUs') / 1e6),
    p50Ms: value('p50Us') / 1000,
    p99Ms: value('p99Us') / 1000,
    maxMs: value('maxUs') / 1000,
    refused: value('refused'),
    broken: value('broken') + value('timeouts'),
    ...(split === null ? {} : { split }),
  };
}

interface RawPart {
  readonly count: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

function splitOf(printed: string): Split | null {
  const line = /SPLIT (\{.*\})/.exec(printed)?.[1];
  if (line === undefined) return null;
  const { answered, refused, untold, other } = JSON.parse(line) as {
    answered: RawPart;
    refused: RawPart;
    untold: number;
    other: number;
  };
  const part = ({ count, p50Us, p99Us }: RawPart): Part => ({ count, p50Ms: p50Us / 1000, p99Ms: p99Us / 1000 });
  return { answered: part(answered), refused: part(refused), untold, other };
}

/** All that it prints; throws when it ends with an error. */
function wrkOutput({ script, url, connections, seconds, args }: WrkOptions): Promise<string> {
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', `${script}.lua`, url, '--', ...args];
  const child = spawn('wrk', options, { cwd: SCRIPTS, stdio: ['ignore', 'pipe', 'pipe'] });
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(printed);
      else reject(new Error(`wrk ended with ${code}: ${printed}`));
    });
  });
}
