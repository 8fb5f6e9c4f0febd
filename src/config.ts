/**
 * Configuration: every variable that Clipbook reads, declared and validated here and nowhere else.
 *
 * A declaration carries its schema together with the sentence that tells what is allowed, so that
 * the error line, the table in docs/configuration.md and the check can't drift apart. An empty
 * variable counts as one that is not given, because that is what a compose file passes for a value
 * that was left out.
 *
 * A variable that is `secret` may also be given as a file: `JWT_SECRET_FILE` names a file that
 * holds `JWT_SECRET`. Passwords and signing secrets never show in an error line, wherever they came
 * from.
 */
import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { SHARDS_MAX } from './domain/ids.js';
import { type IpRange, parseRange } from './http/ip-address.js';
import type { Retention } from './journal/journal.js';

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
  /** Proxies whose `Forwarded` or `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly IpRange[];
  readonly logLevel: LogLevel;
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
    trustedProxies: read('TRUSTED_PROXIES', VARIABLES.TRUSTED_PROXIES) ?? [],
    logLevel: read('LOG_LEVEL', VARIABLES.LOG_LEVEL) ?? 'info',
  };
}

/** What work on the stores needs while no server runs. */
export type StoreConfig = Pick<Config, 'dataDir' | 'databaseUrl' | 'shards'> & JournalConfig;

type JournalConfig = Pick<Config, 'redisUrl' | 'redisWaitReplicas' | 'redisWaitMs' | 'journalRetention'>;

/** Throws as `parseConfig` does. */
export function parseStoreConfig(env: Environment): StoreConfig {
  const read = createReader(env);
  return { ...readStore(read), ...readJournal(read), shards: read('SHARDS', VARIABLES.SHARDS) ?? SHARDS_DEFAULT };
}

const SHARDS_DEFAULT = 16;

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

/** The variables as rows of a Markdown table, for docs/configuration.md. */
export function configurationTable(): string {
  const rows = Object.entries<Variable<unknown>>(VARIABLES).flatMap(([name, { about, allowed, byDefault, secret }]) => [
    `| \`${name}\` | ${about} | ${allowed} | ${byDefault} |`,
    ...(secret === true ? [`| \`${fileVariable(name)}\` | a file that holds \`${name}\` | a path | |`] : []),
  ]);
  return ['| variable | what | allowed | default |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

type Environment = Readonly<Record<string, string | undefined>>;

interface Variable<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes "allowed is …". */
  readonly allowed: string;
  readonly about: string;
  readonly byDefault: string;
  /** It may also be given as a file, and what lets someone in never shows. */
  readonly secret?: true;
}

const JWT_SECRET_BYTES_MIN = 32;
const MEMORY_UNITS = { MB: 2 ** 20, GB: 2 ** 30 } as const;
const EMBEDDED_POSTGRES_BYTES_DEFAULT = 256 * 2 ** 20;

const VARIABLES = {
  HOST: {
    schema: z.string().refine((text) => isIP(text) !== 0 || isHostname(text)),
    allowed: 'an IP address or a host name',
    about: 'address to listen on',
    byDefault: '`127.0.0.1`',
  },
  PORT: { ...whole(0, 65_535), about: 'port to listen on; 0 takes a free one and prints it', byDefault: '`3000`' },
  DATA_DIR: {
    schema: z.string().refine((text) => !text.includes('\0')),
    allowed: 'a path',
    about: 'where everything is kept',
    byDefault: '`./data`',
  },
  DATABASE_URL: {
    ...url(['postgres:', 'postgresql:']),
    about: 'your PostgreSQL, version 14 or newer',
    byDefault: 'an embedded one, under `DATA_DIR`',
    secret: true,
  },
  EMBEDDED_POSTGRES_MEMORY: {
    ...memory(64 * 2 ** 20, 2 ** 40),
    about: "cache of the embedded PostgreSQL; for many codes, a quarter of the machine's memory",
    byDefault: '`256MB`',
  },
  REDIS_URL: {
    ...redisUrl(),
    about: 'your Redis, for the journal',
    byDefault: 'a journal in files, under `DATA_DIR`',
    secret: true,
  },
  REDIS_WAIT_REPLICAS: {
    ...whole(0, 16),
    about: 'replicas of Redis that must have a commit before it is answered (WAIT)',
    byDefault: '`0`',
  },
  REDIS_WAIT_MS: {
    ...whole(1, 60_000),
    about: 'how long the replicas may take; after that, callers get 503',
    byDefault: '`1000`',
  },
  JOURNAL_RETENTION_HOURS: {
    ...whole(0, 8_760),
    about:
      'how long the journal keeps what PostgreSQL has already, so that PostgreSQL can be restored from a backup of that age',
    byDefault: '`24`',
  },
  JOURNAL_RETENTION_BYTES: {
    ...whole(0, 2 ** 44),
    about: 'size of the journal above which such entries are removed earlier, the oldest first',
    byDefault: '`1073741824` (1 GiB) in files, `67108864` (64 MiB) in Redis',
  },
  GENERATOR_KEY: {
    schema: z
      .string()
      .regex(/^[\s,]*[0-9a-f]{64}(?:[\s,]+[0-9a-f]{64}){0,15}[\s,]*$/i)
      .transform((text) => [...text.matchAll(/[0-9a-f]{64}/gi)].map(([key]) => Buffer.from(key, 'hex'))),
    allowed: '1 to 16 keys of 64 hexadecimal digits, separated by spaces, newlines or commas',
    about:
      'the key that codes are generated from, and after it older keys ([production.md](production.md#the-key-of-generated-codes))',
    byDefault: 'made and kept in the database',
    secret: true,
  },
  SHARDS: {
    ...whole(1, SHARDS_MAX),
    about: 'logical shards; fixed once there is data',
    byDefault: '`16`',
  },
  SHARD_THREADS: {
    ...whole(1, SHARDS_MAX),
    about: 'shard threads, which decide commands; at most `SHARDS`',
    byDefault: 'one for each core that `HTTP_THREADS` leaves',
  },
  HTTP_THREADS: { ...whole(1, 64), about: 'threads that serve HTTP', byDefault: '`1`' },
  NODE_ENV: {
    ...oneOf(['development', 'production', 'test']),
    about: '`production` refuses the seeded logins and needs a `JWT_SECRET`',
    byDefault: '`development`',
  },
  JWT_SECRET: {
    schema: z.string().refine((text) => Buffer.byteLength(text) >= JWT_SECRET_BYTES_MIN),
    allowed: `a text of at least ${JWT_SECRET_BYTES_MIN} bytes`,
    about: 'signs tokens (HS256)',
    byDefault: 'made and kept under `DATA_DIR`; none in production',
    secret: true,
  },
  JWT_ISSUER: { ...shortText(), about: '`iss` of tokens', byDefault: '`clipbook`' },
  JWT_AUDIENCE: { ...shortText(), about: '`aud` of tokens', byDefault: '`clipbook`' },
  LOCK_TTL_SECONDS: {
    ...whole(1, 86_400),
    about: 'how long a lock lasts if neither caller nor book says so',
    byDefault: '`120`',
  },
  IDEMPOTENCY_TTL_SECONDS: {
    ...whole(1, 2_592_000),
    about: 'how long a success is remembered for its idempotency key',
    byDefault: '`86400`',
  },
  IDEMPOTENCY_BYTES_MAX: {
    ...whole(2 ** 20, 2 ** 40),
    about:
      'memory for remembered keys, over all shards; one caller may have as much as is left free, then its new keys get 503 ([limits.md](limits.md))',
    byDefault: '`1073741824` (1 GiB)',
  },
  MAILBOX_MAX: {
    ...whole(1, 1_000_000),
    about: 'commands that may wait for one shard thread; past it, callers get 503',
    byDefault: '`8192`',
  },
  TRUSTED_PROXIES: {
    schema: z
      .string()
      .transform((text) => text.split(',').map((part) => parseRange(part.trim())))
      .refine((ranges) => ranges.every((range) => range !== null)),
    allowed: 'addresses and ranges such as 10.0.0.0/8 or 2001:db8::1, separated by commas',
    about: 'proxies whose `Forwarded` or `X-Forwarded-For` is believed; see [limits.md](limits.md)',
    byDefault: 'none',
  },
  LOG_LEVEL: { ...oneOf(LOG_LEVELS), about: 'lowest level that is logged', byDefault: '`info`' },
  CLIPBOOK_PASSWORD: {
    schema: z.string(),
    allowed: 'a password',
    about: 'the password for `clipbook user create` and `clipbook user passwd`; the server does not read it',
    byDefault: 'asked for',
    secret: true,
  },
  TARGET_DATABASE_URL: {
    ...url(['postgres:', 'postgresql:']),
    about: 'the empty PostgreSQL that `clipbook move-database` fills; the server does not read it',
    byDefault: 'none',
    secret: true,
  },
} satisfies Record<string, Variable<unknown>>;

type VariableName = keyof typeof VARIABLES;

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
    if (file === '') throw refusal(name, given, variable.allowed);
    const held = `a file that holds a text of ${Buffer.byteLength(value)} bytes`;
    throw new ConfigError(`${fileVariable(name)} names ${held}; allowed is ${variable.allowed}`);
  };
}

const fileVariable = (name: string): string => `${name}_FILE`;

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

function whole(min: number, max: number): Pick<Variable<number>, 'schema' | 'allowed'> {
  return {
    schema: z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number)
      .refine((count) => count >= min && count <= max),
    allowed: `a whole number from ${min} to ${max}`,
  };
}

function oneOf<const T extends readonly string[]>(values: T): Pick<Variable<T[number]>, 'schema' | 'allowed'> {
  return { schema: z.enum(values) as unknown as z.ZodType<T[number], string>, allowed: `one of ${values.join(', ')}` };
}

function url(protocols: readonly string[]): Pick<Variable<string>, 'schema' | 'allowed'> {
  return {
    schema: z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol)),
    allowed: `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  };
}

/** The path of a Redis URL is the number of a database. */
function redisUrl(): Pick<Variable<string>, 'schema' | 'allowed'> {
  const { schema, allowed } = url(['redis:', 'rediss:']);
  return {
    schema: schema.refine((text) => /^\/?\d{0,5}$/.test(new URL(text).pathname)),
    allowed: `${allowed}, with no path or the number of a database, as /0`,
  };
}

/** Bytes, from a whole number and a unit as PostgreSQL writes them. */
function memory(bytesMin: number, bytesMax: number): Pick<Variable<number>, 'schema' | 'allowed'> {
  return {
    schema: z
      .string()
      .regex(/^\d{1,7} ?(?:MB|GB)$/i)
      .transform(
        (text) => Number.parseInt(text, 10) * MEMORY_UNITS[text.slice(-2).toUpperCase() as keyof typeof MEMORY_UNITS],
      )
      .refine((bytes) => bytes >= bytesMin && bytes <= bytesMax),
    allowed: `a whole number of MB or GB from ${bytesMin / MEMORY_UNITS.MB}MB to ${bytesMax / MEMORY_UNITS.GB}GB, as 256MB or 4GB`,
  };
}

function shortText(): Pick<Variable<string>, 'schema' | 'allowed'> {
  return { schema: z.string().regex(/^[\x21-\x7e]{1,255}$/), allowed: '1 to 255 visible ASCII characters' };
}

/** RFC 1123, section 2.1. */
function isHostname(text: string): boolean {
  const labels = text.split('.');
  return text.length <= 253 && labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(label));
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
