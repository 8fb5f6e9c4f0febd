/** The file system of cutfs.c: built once, mounted for a test, and cut. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitFor } from '../journal/wait-for.js';

const SOURCE = fileURLToPath(new URL('cutfs.c', import.meta.url));
const CACHE = fileURLToPath(new URL('../../node_modules/.cache/clipbook/bin', import.meta.url));

/** What this machine lacks for power cuts, in one line; null where nothing is missing. */
export function whatIsMissing(): string | null {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch {
    return '/dev/fuse can not be opened';
  }
  if (!succeeds('cc', '--version')) return 'a C compiler is not installed (apt-get install gcc)';
  if (!succeeds('pkg-config', '--exists', 'fuse3')) {
    return 'libfuse 3 is not installed (apt-get install libfuse3-dev fuse3 pkg-config)';
  }
  return null;
}

const succeeds = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

export interface Undone {
  readonly cuts: number;
  /** Names that no fsync of their directory had made durable. */
  readonly names: number;
  /** Pages of which at least one sector was undone. */
  readonly pages: number;
  /** Pages that stayed although no fsync had made them durable. */
  readonly kept: number;
}

export interface CutFs {
  /**
   * Cuts the power. Every process that uses the files must have ended. `seed`: a whole number below
   * 2^53.
   */
  cut(seed: number): void;
  /** Of all cuts so far. */
  undone(): Undone;
  unmount(): Promise<void>;
}

/** Mounts an empty file system at `path`, which is made. It ends with this process. */
export async function mountCutFs(path: string): Promise<CutFs> {
  mkdirSync(path, { recursive: true });
  const daemon = spawn(build(), [path], { stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise<void>((resolve) => daemon.once('exit', () => resolve()));
  const control = join(path, '.cutfs');
  await waitFor(() => existsSync(control) || daemon.exitCode !== null, 'the file system to be mounted');
  if (daemon.exitCode !== null) throw new Error(`cutfs ended with ${daemon.exitCode}`);
  return {
    cut: (seed) => writeFileSync(control, `cut ${seed}`, { flag: 'r+' }),
    undone() {
      const fields = readFileSync(control, 'utf8').trim().split(' ');
      return Object.fromEntries(
        fields.map((field) => field.split('=')).map(([name, count]) => [name, Number(count)]),
      ) as unknown as Undone;
    },
    async unmount() {
      daemon.kill('SIGTERM');
      await ended;
      // Where the daemon broke, its mount is still there.
      spawnSync('umount', ['-l', path], { stdio: 'ignore' });
    },
  };
}

/**
 * The path of the program. Its name holds a hash of the source, so that a changed one is built
 * anew.
 */
function build(): string {
  const hash = createHash('sha256').update(readFileSync(SOURCE)).digest('hex').slice(0, 12);
  const program = join(CACHE, `cutfs-${hash}`);
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' }).trim().split(/\s+/);
  const draft = `${program}.${process.pid}`;
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-std=gnu17', SOURCE, '-o', draft, ...flags], { stdio: 'inherit' });
  renameSync(draft, program);
  return program;
}
