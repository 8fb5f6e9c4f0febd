/**
 * Every environment variable that Clipbook reads, declared here and nowhere else.
 *
 * A declaration carries its schema together with the sentence that tells what is allowed, so that
 * the error line, the table in docs/configuration.md and the check can't drift apart. A variable
 * that is `secret` may also be given as a file: `JWT_SECRET_FILE` names a file that holds
 * `JWT_SECRET`.
 */
import { isIP } from 'node:net';
import { z } from 'zod';
import { SHARDS_MAX } from '../domain/ids.js';
import { isCurrency } from '../http/server/currency.js';
import { parseRange } from '../http/server/ip-address.js';
import { parseWebOrigin } from '../http/server/web-origin.js';
import { WORKAROUNDS } from '../platform/work-arounds.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Variable<T> {
  readonly schema: z.ZodType<T, string>;
  /** Completes "allowed is …". */
  readonly allowed: string;
  readonly about: string;
  readonly byDefault: string;
  /** It may also be given as a file. */
  readonly secret?: true;
  /** Entries separated by commas, each of which has to be allowed by itself. */
  readonly list?: true;
}

const JWT_SECRET_BYTES_MIN = 32;
const MEMORY_UNITS = { MB: 2 ** 20, GB: 2 ** 30 } as const;

export const VARIABLES = {
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
  CURRENCY: {
    schema: z.string().toUpperCase().refine(isCurrency),
    allowed: 'a currency of ISO 4217, such as EUR',
    about: 'of promotions and carts that name none',
    byDefault: '`USD`',
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
  LIVE_CONNECTIONS_MAX: {
    ...whole(1, 1_000_000),
    about: 'live connections at once, over all HTTP threads; past it, new ones get 503',
    byDefault: '`12000`',
  },
  LIVE_CONNECTIONS_PER_CALLER_MAX: {
    ...whole(1, 1_000_000),
    about: 'live connections of one account at once, for each HTTP thread',
    byDefault: '`100`',
  },
  LIVE_TOPICS_MAX: { ...whole(1, 1_000), about: 'topics of one live connection', byDefault: '`100`' },
  TRUSTED_PROXIES: {
    schema: z
      .string()
      .transform((text) => text.split(',').map((part) => parseRange(part.trim())))
      .refine((ranges) => ranges.every((range) => range !== null)),
    allowed: 'addresses and ranges such as 10.0.0.0/8 or 2001:db8::1, separated by commas',
    about: 'proxies whose `Forwarded` or `X-Forwarded-For` is believed; see [limits.md](limits.md)',
    byDefault: 'none',
  },
  CORS_ORIGINS: {
    schema: z
      .string()
      .transform((text) => [...new Set(text.split(',').map((part) => parseWebOrigin(part.trim())))])
      .pipe(z.array(z.string()))
      .refine((origins) => origins.length === 1 || !origins.includes('*')),
    allowed: '* alone, or origins such as https://shop.example, separated by commas: http or https, a host, no path',
    about: 'web pages that may call the API from a browser; see [http.md](http.md#call-clipbook-from-a-shops-page)',
    byDefault: 'none',
    list: true,
  },
  FLASH_RATE_LIMIT: {
    ...whole(1, 1_000_000),
    about: 'orders of flash sales that are admitted each second; past it, callers get 429',
    byDefault: '`10000`',
  },
  LOG_LEVEL: { ...oneOf(LOG_LEVELS), about: 'lowest level that is logged', byDefault: '`info`' },
  WORKAROUNDS_OFF: {
    schema: z
      .string()
      .transform((text) => text.split(',').map((name) => name.trim()))
      .pipe(z.array(z.enum(WORKAROUNDS))),
    allowed: `any of ${WORKAROUNDS.join(', ')}, separated by commas`,
    about: 'performance work-arounds to switch off, for measurements ([performance.md](performance.md#work-arounds))',
    byDefault: 'none',
  },
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

export type VariableName = keyof typeof VARIABLES;

/** The variables as rows of a Markdown table, for docs/configuration.md. */
export function configurationTable(): string {
  const rows = Object.entries<Variable<unknown>>(VARIABLES).flatMap(([name, { about, allowed, byDefault, secret }]) => [
    `| \`${name}\` | ${about} | ${allowed} | ${byDefault} |`,
    ...(secret === true ? [`| \`${fileVariable(name)}\` | a file that holds \`${name}\` | a path | |`] : []),
  ]);
  return ['| variable | what | allowed | default |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

export const fileVariable = (name: string): string => `${name}_FILE`;

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
