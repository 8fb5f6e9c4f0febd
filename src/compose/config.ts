/**
 * The configuration, from the environment variables that variables.ts declares. An empty variable
 * counts as one that is not given, because that is what a compose file passes for a value that was
 * left out.
 *
 * Passwords and signing secrets never show in an error line, wherever they came from.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import type { Currency } from '../http/server/currency.js';
import type { IpRange } from '../http/server/ip-address.js';
import type { Retention } from '../journal/journal.js';
import type { Workaround } from '../platform/work-arounds.js';
import { fileVariable, type LogLevel, VARIABLES, type Variable, type VariableName } from './variables.js';

export interface Config {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Absolute. */
  readonly dataDir: string;
  /** `null`: the embedded PostgreSQL, under `dataDir`. */
  readonly databaseUrl: string | null;
  /** What the embedded PostgreSQL may take for its cache of pages. */
  readonly embeddedPostgresBytes: number;
  /** `null`: the file journal, under `dataDir`. */
  readonly redisUrl: string | null;
  /** Of the generator, the active one first. Empty: one is made, and kept in the database. */
  readonly generatorKeys: readonly Uint8Array[];
  /** Replicas of Redis that must have a commit before it is answered; 0: none. */
  readonly redisWaitReplicas: number;
  /** How long they may take; then the commit fails. */
  readonly redisWaitMs: number;
  /** How long the journal keeps what is in PostgreSQL. */
  readonly journalRetention: Retention;
  readonly shards: number;
  /** At most `shards`. */
  readonly shardThreads: number;
  readonly httpThreads: number;
  readonly environment: 'development' | 'production' | 'test';
  /**
   * `null`: not given; `jwtSecretOf` finds or makes the one that is kept. Never `null` in
   * production.
   */
  readonly jwtSecret: string | null;
  readonly jwtIssuer: string;
  readonly jwtAudience: string;
  /** How long a lock lives when neither the caller nor the book says so. */
  readonly lockTtlMs: number;
  /** How long a success is remembered for its idempotency key. */
  readonly idempotencyTtlMs: number;
  /** Memory that remembered keys may take, over all shards. */
  readonly idempotencyBytesMax: number;
  /** Commands that may wait in front of one shard thread; past it, callers are refused at once. */
  readonly mailboxMax: number;
  /** Live connections of the process. */
  readonly liveConnectionsMax: number;
  /** Live connections of one caller in one HTTP thread. */
  readonly liveConnectionsPerCallerMax: number;
  /** Of one live connection. */
  readonly liveTopicsMax: number;
  /** Proxies whose `Forwarded` or `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly IpRange[];
  readonly currency: Currency;
  /** Orders of flash sales that the process admits. */
  readonly ordersPerSecond: number;
  /** Origins of web pages that may read answers, as browsers send them, or `*` alone. */
  readonly corsOrigins: readonly string[];
  readonly logLevel: LogLevel;
  /** For the log of the start: `src/platform/work-arounds.ts` reads the variable by itself. */
  readonly workaroundsOff: readonly Workaround[];
}

/** A value that can't be used. The message is the one line that the operator reads. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the configuration from an environment. Unknown variables are ignored.
 * Throws `ConfigError` for the first bad value, in the order of the table.
 */
export function parseConfig(env: Environment): Config {
  const read = createReader(env);
  const host = read('HOST', VARIABLES.HOST) ?? '127.0.0.1';
  const port = read('PORT', VARIABLES.PORT) ?? 3000;
  const { dataDir, databaseUrl } = readStore(read);
  const journal = readJournal(read);
  const shards = read('SHARDS', VARIABLES.SHARDS) ?? SHARDS_DEFAULT;
  const givenShardThreads = read('SHARD_THREADS', VARIABLES.SHARD_THREADS);
  if (givenShardThreads !== null && givenShardThreads > shards)
    throw refusal('SHARD_THREADS', String(givenShardThreads), `at most SHARDS, which is ${shards}`);
  const httpThreads = read('HTTP_THREADS', VARIABLES.HTTP_THREADS) ?? 1;
  const environment = readEnvironment(read);
  const jwtSecret = read('JWT_SECRET', VARIABLES.JWT_SECRET);
  if (jwtSecret === null && environment === 'production')
    throw refusal('JWT_SECRET', '', `${VARIABLES.JWT_SECRET.allowed}; production needs one`);
  if (jwtSecret !== null && environment === 'production' && isGuessableSecret(jwtSecret))
    throw refusal('JWT_SECRET', jwtSecret, 'one that nobody can guess, such as the output of: openssl rand -hex 32');

  return {
    host,
    port,
    dataDir,
    databaseUrl,
    generatorKeys: read('GENERATOR_KEY', VARIABLES.GENERATOR_KEY) ?? [],
    embeddedPostgresBytes:
      read('EMBEDDED_POSTGRES_MEMORY', VARIABLES.EMBEDDED_POSTGRES_MEMORY) ?? EMBEDDED_POSTGRES_BYTES_DEFAULT,
    ...journal,
    shards,
    shardThreads: givenShardThreads ?? spareCores(httpThreads, shards),
    httpThreads,
    environment,
    jwtSecret,
    jwtIssuer: read('JWT_ISSUER', VARIABLES.JWT_ISSUER) ?? 'clipbook',
    jwtAudience: read('JWT_AUDIENCE', VARIABLES.JWT_AUDIENCE) ?? 'clipbook',
    lockTtlMs: (read('LOCK_TTL_SECONDS', VARIABLES.LOCK_TTL_SECONDS) ?? 120) * 1000,
    idempotencyTtlMs: (read('IDEMPOTENCY_TTL_SECONDS', VARIABLES.IDEMPOTENCY_TTL_SECONDS) ?? 86_400) * 1000,
    idempotencyBytesMax: read('IDEMPOTENCY_BYTES_MAX', VARIABLES.IDEMPOTENCY_BYTES_MAX) ?? 2 ** 30,
    mailboxMax: read('MAILBOX_MAX', VARIABLES.MAILBOX_MAX) ?? 8192,
    liveConnectionsMax: read('LIVE_CONNECTIONS_MAX', VARIABLES.LIVE_CONNECTIONS_MAX) ?? 12_000,
    liveConnectionsPerCallerMax:
      read('LIVE_CONNECTIONS_PER_CALLER_MAX', VARIABLES.LIVE_CONNECTIONS_PER_CALLER_MAX) ?? 100,
    liveTopicsMax: read('LIVE_TOPICS_MAX', VARIABLES.LIVE_TOPICS_MAX) ?? 100,
    trustedProxies: read('TRUSTED_PROXIES', VARIABLES.TRUSTED_PROXIES) ?? [],
    currency: currencyOf(read('CURRENCY', VARIABLES.CURRENCY)),
    ordersPerSecond: read('FLASH_RATE_LIMIT', VARIABLES.FLASH_RATE_LIMIT) ?? 10_000,
    corsOrigins: read('CORS_ORIGINS', VARIABLES.CORS_ORIGINS) ?? [],
    logLevel: read('LOG_LEVEL', VARIABLES.LOG_LEVEL) ?? 'info',
    workaroundsOff: read('WORKAROUNDS_OFF', VARIABLES.WORKAROUNDS_OFF) ?? [],
  };
}

/** What work on the stores needs while no server runs. */
export type StoreConfig = Pick<Config, 'dataDir' | 'databaseUrl' | 'generatorKeys' | 'shards'> & JournalConfig;

type JournalConfig = Pick<Config, 'redisUrl' | 'redisWaitReplicas' | 'redisWaitMs' | 'journalRetention'>;

/** Throws as `parseConfig` does. */
export function parseStoreConfig(env: Environment): StoreConfig {
  const read = createReader(env);
  return {
    ...readStore(read),
    ...readJournal(read),
    generatorKeys: read('GENERATOR_KEY', VARIABLES.GENERATOR_KEY) ?? [],
    shards: read('SHARDS', VARIABLES.SHARDS) ?? SHARDS_DEFAULT,
  };
}

const SHARDS_DEFAULT = 16;
const EMBEDDED_POSTGRES_BYTES_DEFAULT = 256 * 2 ** 20;

const RETENTION_HOURS_DEFAULT = 24;
const RETENTION_BYTES_DEFAULT = { file: 2 ** 30, redis: 64 * 2 ** 20 } as const;
const HOUR_MS = 3_600_000;

function readJournal(read: Read): JournalConfig {
  const redisUrl = read('REDIS_URL', VARIABLES.REDIS_URL);
  const hours = read('JOURNAL_RETENTION_HOURS', VARIABLES.JOURNAL_RETENTION_HOURS) ?? RETENTION_HOURS_DEFAULT;
  const bytesByDefault = RETENTION_BYTES_DEFAULT[redisUrl === null ? 'file' : 'redis'];
  return {
    redisUrl,
    journalRetention: {
      ms: hours * HOUR_MS,
      bytes: read('JOURNAL_RETENTION_BYTES', VARIABLES.JOURNAL_RETENTION_BYTES) ?? bytesByDefault,
    },
    redisWaitReplicas: read('REDIS_WAIT_REPLICAS', VARIABLES.REDIS_WAIT_REPLICAS) ?? 0,
    redisWaitMs: read('REDIS_WAIT_MS', VARIABLES.REDIS_WAIT_MS) ?? 1000,
  };
}

/** What repairing accounts needs: it asks for no secret of the server. */
export type AccountConfig = Pick<Config, 'dataDir' | 'databaseUrl' | 'environment'> & {
  /** Of `clipbook user create` and `passwd`; `null`: asked for. */
  readonly password: string | null;
};

/** Throws as `parseConfig` does. */
export function parseAccountConfig(env: Environment): AccountConfig {
  const read = createReader(env);
  return {
    ...readStore(read),
    environment: readEnvironment(read),
    password: read('CLIPBOOK_PASSWORD', VARIABLES.CLIPBOOK_PASSWORD),
  };
}

/** What `clipbook move-database` needs. */
export interface MoveConfig {
  readonly dataDir: string;
  readonly target: string;
}

/** Throws as `parseConfig` does. */
export function parseMoveConfig(env: Environment): MoveConfig {
  const read = createReader(env);
  const { dataDir, databaseUrl } = readStore(read);
  if (databaseUrl !== null)
    throw new ConfigError('DATABASE_URL is set; a database of your own is moved with pg_dump and pg_restore');
  const target = read('TARGET_DATABASE_URL', VARIABLES.TARGET_DATABASE_URL);
  if (target === null) throw refusal('TARGET_DATABASE_URL', '', VARIABLES.TARGET_DATABASE_URL.allowed);
  return { dataDir, target };
}

function readStore(read: Read): Pick<Config, 'dataDir' | 'databaseUrl'> {
  const dataDir = resolve(read('DATA_DIR', VARIABLES.DATA_DIR) ?? './data');
  return { dataDir, databaseUrl: read('DATABASE_URL', VARIABLES.DATABASE_URL) };
}

const readEnvironment = (read: Read): Config['environment'] => read('NODE_ENV', VARIABLES.NODE_ENV) ?? 'development';

/**
 * The secret that signs tokens: the one that was given, else the one that is kept in
 * `DATA_DIR/jwt-secret`, readable by its owner alone, made on the first start. It is linked into
 * place when it is whole, so that of two starts at once both read the same one, and none reads half
 * of it.
 */
export function jwtSecretOf(config: Config): string {
  if (config.jwtSecret !== null) return config.jwtSecret;
  mkdirSync(config.dataDir, { recursive: true });
  const path = join(config.dataDir, 'jwt-secret');
  const kept = readIfThere(path);
  if (kept !== null) return kept;
  const fresh = join(config.dataDir, `jwt-secret.${process.pid}.new`);
  writeFileSync(fresh, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
  try {
    linkSync(fresh, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    rmSync(fresh);
  }
  return readFileSync(path, 'utf8').trim();
}

type Environment = Readonly<Record<string, string | undefined>>;

type Read = <T>(name: VariableName, variable: Variable<T>) => T | null;

/** Reads one variable, or the file that it is given as; null: not given. */
function createReader(env: Environment): Read {
  return (name, variable) => {
    const given = env[name] ?? '';
    const file = variable.secret === true ? (env[fileVariable(name)] ?? '') : '';
    if (given !== '' && file !== '')
      throw new ConfigError(`${name} and ${fileVariable(name)} are both set; set one of them`);
    if (given === '' && file === '') return null;
    const value = file === '' ? given : readSecretFile(fileVariable(name), file);
    const parsed = variable.schema.safeParse(value);
    if (parsed.success) return parsed.data;
    if (file === '') throw refusal(name, refusedPart(variable, given), variable.allowed);
    const held = `a file that holds a text of ${Buffer.byteLength(value)} bytes`;
    throw new ConfigError(`${fileVariable(name)} names ${held}; allowed is ${variable.allowed}`);
  };
}

/** Of a list, the first entry that is refused by itself; the whole value if there is none. */
function refusedPart<T>({ schema, list }: Variable<T>, given: string): string {
  if (list !== true) return given;
  const entries = given.split(',').map((entry) => entry.trim());
  return entries.find((entry) => entry !== '' && !schema.safeParse(entry).success) ?? given;
}

const SECRET_FILE_BYTES_MAX = 65_536;

/** Without the newline at its end, which editors and `echo` add. */
function readSecretFile(variable: string, path: string): string {
  const refused = (why: string): ConfigError => new ConfigError(`${variable} is ${JSON.stringify(path)}; ${why}`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw refused(`that file can not be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`);
  }
  const value = text.replace(/\r?\n$/, '');
  if (value === '') throw refused('that file is empty');
  if (value.length > SECRET_FILE_BYTES_MAX) throw refused(`that file has more than ${SECRET_FILE_BYTES_MAX} bytes`);
  return value;
}

/** Of examples that are copied: jwt.io, and common tutorials. */
const KNOWN_SECRETS: ReadonlySet<string> = new Set([
  'a-string-secret-at-least-256-bits-long',
  'a-very-long-secret-at-least-32-characters',
  'this-is-a-very-long-secret-at-least-32-characters',
  'your-super-secret-jwt-token-with-at-least-32-characters-long',
]);
const SECRET_DISTINCT_MIN = 8;
/** Of the whole, up to where a text counts as a repeated one: twice, with a separator. */
const REPEATED_SHARE_MAX = 0.6;

/**
 * One from an example, one of few different characters, or a short text that was repeated until it
 * was long enough.
 */
function isGuessableSecret(secret: string): boolean {
  if (KNOWN_SECRETS.has(secret) || new Set(secret).size < SECRET_DISTINCT_MIN) return true;
  for (let period = 1; period < secret.length * REPEATED_SHARE_MAX; period++) {
    if (secret.startsWith(secret.slice(period))) return true;
  }
  return false;
}

function refusal(name: VariableName, given: string, allowed: string): ConfigError {
  return new ConfigError(`${name} is ${shown(name, given)}; allowed is ${allowed}`);
}

/** Of these nothing shows; of the URLs among the secrets, all but user and password. */
const HIDDEN: ReadonlySet<VariableName> = new Set(['JWT_SECRET', 'GENERATOR_KEY', 'CLIPBOOK_PASSWORD']);
const SHOWN_LENGTH_MAX = 100;

/**
 * A value as the operator may see it: quoted, on one line, of bounded length, without passwords.
 */
function shown(name: VariableName, given: string): string {
  if (given === '') return 'not set';
  if (HIDDEN.has(name)) return `a text of ${Buffer.byteLength(given)} bytes`;
  const masked = given.replace(/\/\/.*@/s, '//***@');
  return JSON.stringify(masked.length > SHOWN_LENGTH_MAX ? `${masked.slice(0, SHOWN_LENGTH_MAX)}…` : masked);
}

function spareCores(httpThreads: number, shards: number): number {
  return Math.min(shards, Math.max(1, availableParallelism() - httpThreads));
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

const currencyOf = (code: string | null | undefined): Currency => ({ code: code ?? 'USD', isGiven: code != null });
