/**
 * Installs schemathesis into a virtual environment of its own, and runs it over the description of
 * a real server.
 */
import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADMIN } from '../support/api.js';
import type { Server } from '../support/server.js';

const VERSION = '4.32.5';
const HERE = fileURLToPath(new URL('.', import.meta.url));
/** Outside `node_modules`, which `npm ci` removes. */
const CACHE = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
const FOLDER = join(CACHE, 'clipbook', `schemathesis-${VERSION}`);
const PROGRAM = join(FOLDER, 'bin/st');

/** Without installing anything. */
export const isInstalled = (): boolean => existsSync(PROGRAM) && succeeded(spawnSync(PROGRAM, ['--version']));

/** Throws with one line that says what is missing. */
export function install(): void {
  if (isInstalled()) return;
  console.log(`installing schemathesis ${VERSION} into ${FOLDER}`);
  if (!succeeded(spawnSync('python3', ['-m', 'venv', '--clear', FOLDER], { stdio: 'inherit' }))) {
    throw new Error('missing: python3 with its module venv (Debian: apt-get install python3-venv)');
  }
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`];
  if (!succeeded(spawnSync(join(FOLDER, 'bin/python'), pip, { stdio: 'inherit' }))) {
    throw new Error(`pip could not install schemathesis ${VERSION} from the package index`);
  }
}

const succeeded = ({ status }: SpawnSyncReturns<Buffer>): boolean => status === 0;

export interface Run {
  readonly seed: number;
  readonly phases: string;
  readonly examplesMax: number;
  /** Prints as it goes; otherwise the text is only in the result. */
  readonly isShown: boolean;
}

export interface Result {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Signed in as the seeded admin. */
export async function run(server: Server, { seed, phases, examplesMax, isShown }: Run): Promise<Result> {
  const answer = await fetch(`${server.url}/api/v1/auth/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ADMIN),
  });
  const { accessToken } = (await answer.json()) as { accessToken: string };
  const args = [
    ['--config-file', join(HERE, 'schemathesis.toml'), 'run', `${server.url}/openapi.json`],
    ['--header', `Authorization: Bearer ${accessToken}`],
    ['--phases', phases, '--max-examples', String(examplesMax), '--seed', String(seed), '--no-color'],
    ['--generation-database', 'none'],
  ].flat();
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: HERE, SCHEMATHESIS_HOOKS: 'hooks' };
  // It keeps what it found in the directory that it runs in.
  const child = spawn(PROGRAM, args, { cwd: FOLDER, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (isShown) process.stdout.write(chunk);
    });
  }
  await once(child, 'close');
  return { exitCode: child.exitCode, output };
}
