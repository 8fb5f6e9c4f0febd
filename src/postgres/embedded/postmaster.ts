/**
 * Processes of embedded PostgreSQL: who is in charge of a directory, what an earlier run left
 * there, and ending it.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { ProcessEnd } from '../../platform/exit-codes.js';
import { codeOf, readText } from './read-text.js';

const STOP_MS_MAX = 30_000;

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/**
 * Writes `owner`; throws when a living process of ours holds the directory already. Returns its
 * release.
 */
export function takeOwnership(home: string): () => void {
  const file = path.join(home, 'owner');
  const mine = `${process.pid} ${startTimeOf(process.pid) ?? ''}`;
  for (;;) {
    try {
      fs.writeFileSync(file, mine, { flag: 'wx', mode: 0o600 });
      return () => {
        if (readText(file) === mine) fs.rmSync(file, { force: true });
      };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const pid = ownerOf(home);
    if (pid !== null) throw new ProcessEnd('inUse', `${home} is in use by another Clipbook, process ${pid}`);
    fs.rmSync(file, { force: true });
  }
}

/** The living process that runs the cluster of this directory; null when there is none. */
export function ownerOf(home: string): number | null {
  const text = readText(path.join(home, 'owner')) ?? '';
  const pid = Number.parseInt(text, 10);
  return pid > 0 && text === `${pid} ${startTimeOf(pid) ?? 'gone'}` ? pid : null;
}

/**
 * When the process started, in whatever unit the system tells it; null when there is no such
 * process.
 */
function startTimeOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const stat = readText(`/proc/${pid}/stat`);
    // Field 22, counted after the command's name, which may itself hold spaces and parentheses.
    const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
    // A zombie has ended, and holds nothing any more.
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  }
  const told = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim();
  return told === undefined || told === '' ? null : told;
}

/** Shuts down a postmaster that an earlier, killed run of ours left on this cluster. */
export async function stopLeftover(cluster: string, log: Log): Promise<void> {
  const pidFile = path.join(cluster, 'postmaster.pid');
  const pid = Number.parseInt(readText(pidFile) ?? '', 10);
  if (!(pid > 0)) return;
  if (!isPostgresOn(pid, cluster)) {
    // Whoever has this pid now is somebody else; PostgreSQL itself would take it for a living
    // postmaster.
    fs.rmSync(pidFile, { force: true });
    return;
  }
  log.info({}, `stopping the PostgreSQL that a killed run left behind (process ${pid})`);
  await shutDown(pid, () => !isPostgresOn(pid, cluster));
}

/**
 * Asks for a fast shutdown, then, after `STOP_MS_MAX`, for an immediate one. Resolves when
 * `gone()`.
 */
export async function shutDown(pid: number, gone: () => boolean): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (gone()) return;
    signalQuietly(pid, signal);
    for (const deadline = Date.now() + STOP_MS_MAX; Date.now() < deadline; await pause(10)) {
      if (gone()) return;
    }
  }
  throw new Error(`PostgreSQL (process ${pid}) does not end`);
}

export function isPostgresOn(pid: number, cluster: string): boolean {
  if (process.platform === 'linux') {
    try {
      // A zombie has no cwd and counts as gone.
      return (
        fs.readlinkSync(`/proc/${pid}/cwd`) === fs.realpathSync(cluster) &&
        path.basename(fs.readlinkSync(`/proc/${pid}/exe`)).startsWith('postgres')
      );
    } catch {
      return false;
    }
  }
  const command = spawnSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' }).stdout ?? '';
  return command.includes('postgres') && command.includes(cluster);
}

export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
