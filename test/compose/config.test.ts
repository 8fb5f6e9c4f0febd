import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, describe, it, test } from 'node:test';
import { ConfigError, jwtSecretOf, parseAccountConfig, parseConfig } from '../../src/compose/config.js';
import { configurationTable } from '../../src/compose/variables.js';

const SECRET = 'a-secret-of-thirty-two-bytes-or-more';

test('an empty environment gives the documented defaults', () => {
  assert.deepEqual(parseConfig({}), {
    host: '127.0.0.1',
    port: 3000,
    dataDir: resolve('data'),
    databaseUrl: null,
    embeddedPostgresBytes: 268_435_456,
    generatorKeys: [],
    redisUrl: null,
    redisWaitReplicas: 0,
    redisWaitMs: 1000,
    journalRetention: { ms: 86_400_000, bytes: 1_073_741_824 },
    shards: 16,
    shardThreads: Math.min(16, Math.max(1, availableParallelism() - 1)),
    httpThreads: 1,
    environment: 'development',
    jwtSecret: null,
    jwtIssuer: 'clipbook',
    jwtAudience: 'clipbook',
    lockTtlMs: 120_000,
    idempotencyTtlMs: 86_400_000,
    idempotencyBytesMax: 1_073_741_824,
    mailboxMax: 8192,
    liveConnectionsMax: 12_000,
    liveConnectionsPerCallerMax: 100,
    liveTopicsMax: 100,
    trustedProxies: [],
    currency: { code: 'USD', isGiven: false },
    ordersPerSecond: 10_000,
    corsOrigins: [],
    logLevel: 'info',
    workaroundsOff: [],
  });
});

test('every variable is read', () => {
  assert.deepEqual(
    parseConfig({
      HOST: '::1',
      PORT: '0',
      DATA_DIR: '/var/lib/clipbook',
      DATABASE_URL: 'postgres://u:p@db/clipbook',
      EMBEDDED_POSTGRES_MEMORY: '4GB',
      REDIS_URL: 'redis://cache:6379',
      GENERATOR_KEY: `${'ab'.repeat(32)}\n${'CD'.repeat(32)}\n`,
      REDIS_WAIT_REPLICAS: '1',
      REDIS_WAIT_MS: '500',
      JOURNAL_RETENTION_HOURS: '2',
      JOURNAL_RETENTION_BYTES: '5000',
      SHARDS: '4',
      SHARD_THREADS: '4',
      HTTP_THREADS: '2',
      NODE_ENV: 'production',
      JWT_SECRET: SECRET,
      JWT_ISSUER: 'https://id.example',
      JWT_AUDIENCE: 'coupons',
      LOCK_TTL_SECONDS: '86400',
      IDEMPOTENCY_TTL_SECONDS: '60',
      IDEMPOTENCY_BYTES_MAX: '1048576',
      MAILBOX_MAX: '1',
      LIVE_CONNECTIONS_MAX: '20000',
      LIVE_CONNECTIONS_PER_CALLER_MAX: '7',
      LIVE_TOPICS_MAX: '8',
      TRUSTED_PROXIES: '192.0.2.1, 10.0.0.0/8,2001:db8::/32',
      FLASH_RATE_LIMIT: '50',
      CORS_ORIGINS: 'https://shop.example, HTTPS://Shop.Example:443/,http://[::1]:8080,https://bücher.example',
      LOG_LEVEL: 'silent',
      WORKAROUNDS_OFF: 'prefetch, write-back',
      CURRENCY: 'eur',
      SOMETHING_ELSE: 'is ignored',
    }),
    {
      host: '::1',
      port: 0,
      dataDir: '/var/lib/clipbook',
      databaseUrl: 'postgres://u:p@db/clipbook',
      embeddedPostgresBytes: 4_294_967_296,
      generatorKeys: [Buffer.alloc(32, 0xab), Buffer.alloc(32, 0xcd)],
      redisUrl: 'redis://cache:6379',
      redisWaitReplicas: 1,
      redisWaitMs: 500,
      journalRetention: { ms: 7_200_000, bytes: 5000 },
      shards: 4,
      shardThreads: 4,
      httpThreads: 2,
      environment: 'production',
      jwtSecret: SECRET,
      jwtIssuer: 'https://id.example',
      jwtAudience: 'coupons',
      lockTtlMs: 86_400_000,
      idempotencyTtlMs: 60_000,
      idempotencyBytesMax: 1_048_576,
      mailboxMax: 1,
      liveConnectionsMax: 20_000,
      liveConnectionsPerCallerMax: 7,
      liveTopicsMax: 8,
      trustedProxies: [
        { address: [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201], bits: 128 },
        { address: [0, 0, 0, 0, 0, 0xffff, 0x0a00, 0], bits: 104 },
        { address: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], bits: 32 },
      ],
      ordersPerSecond: 50,
      corsOrigins: ['https://shop.example', 'http://[::1]:8080', 'https://xn--bcher-kva.example'],
      currency: { code: 'EUR', isGiven: true },
      logLevel: 'silent',
      workaroundsOff: ['prefetch', 'write-back'],
    },
  );
});

test('CORS_ORIGINS may be * alone, also when it comes twice', () => {
  assert.deepEqual(parseConfig({ CORS_ORIGINS: '*' }).corsOrigins, ['*']);
  assert.deepEqual(parseConfig({ CORS_ORIGINS: ' *, *' }).corsOrigins, ['*']);
});

test('an empty variable counts as not given', () => {
  assert.equal(parseConfig({ PORT: '', DATABASE_URL: '' }).port, 3000);
});

/** What is given, and what the error names of it. */
const CORS_REFUSED: readonly (readonly [given: string, named: string])[] = [
  ...[
    'null',
    'shop.example',
    'https:shop.example',
    'ftp://shop.example',
    'file:///shop',
    'https://',
    'https://shop.example/cart',
    'https://shop.example//',
    'https://shop.example/..',
    'https://shop.example?',
    'https://shop.example#',
    'https://*.shop.example',
    'https://shop.example:65536',
    'https://shop.example https://other.example',
    '**',
    ' ',
  ].map((text) => [text, text] as const),
  ['https://user:pw@shop.example', 'https://***@shop.example'],
  [`https://${'shop.'.repeat(60)}example`, `https://${'shop.'.repeat(60)}`.slice(0, 100).concat('…')],
  // Only the entry that is wrong is named, without the others.
  ['https://shop.example, null,*', 'null'],
  // No entry is wrong by itself.
  ['https://shop.example,,https://other.example', 'https://shop.example,,https://other.example'],
  ['https://shop.example,', 'https://shop.example,'],
  ['*,https://shop.example', '*,https://shop.example'],
];

const REFUSED: readonly (readonly [env: Record<string, string>, line: string])[] = [
  [{ PORT: '65536' }, 'PORT is "65536"; allowed is a whole number from 0 to 65535'],
  [{ CURRENCY: 'EURO' }, 'CURRENCY is "EURO"; allowed is a currency of ISO 4217, such as EUR'],
  [{ PORT: '-1' }, 'PORT is "-1"; allowed is a whole number from 0 to 65535'],
  [{ PORT: ' 80' }, 'PORT is " 80"; allowed is a whole number from 0 to 65535'],
  [{ PORT: '0x50' }, 'PORT is "0x50"; allowed is a whole number from 0 to 65535'],
  [{ PORT: '1e3' }, 'PORT is "1e3"; allowed is a whole number from 0 to 65535'],
  [{ HOST: 'not a host' }, 'HOST is "not a host"; allowed is an IP address or a host name'],
  [
    { WORKAROUNDS_OFF: 'prefetch,speed' },
    'WORKAROUNDS_OFF is "prefetch,speed"; allowed is any of borrowed-buffers, bulk-priority, collector, cpu-yield, fast-strings, prefetch, reused-slabs, uncounted-memory, write-back, separated by commas',
  ],
  [{ SHARDS: '0' }, 'SHARDS is "0"; allowed is a whole number from 1 to 255'],
  [{ SHARDS: '2', SHARD_THREADS: '3' }, 'SHARD_THREADS is "3"; allowed is at most SHARDS, which is 2'],
  [{ NODE_ENV: 'prod' }, 'NODE_ENV is "prod"; allowed is one of development, production, test'],
  [{ LOCK_TTL_SECONDS: '86401' }, 'LOCK_TTL_SECONDS is "86401"; allowed is a whole number from 1 to 86400'],
  [
    { REDIS_URL: 'localhost:6379' },
    'REDIS_URL is "localhost:6379"; allowed is a URL that begins with redis:// or rediss://, with no path or the number of a database, as /0',
  ],
  [
    { REDIS_URL: 'redis://user:pw@cache/name' },
    'REDIS_URL is "redis://***@cache/name"; allowed is a URL that begins with redis:// or rediss://, with no path or the number of a database, as /0',
  ],
  ...['1', '63MB', '1025GB', '0.5GB', '256', '256kB', '-1GB', 'GB', '9999999GB'].map(
    (given) =>
      [
        { EMBEDDED_POSTGRES_MEMORY: given },
        `EMBEDDED_POSTGRES_MEMORY is "${given}"; allowed is a whole number of MB or GB from 64MB to 1024GB, as 256MB or 4GB`,
      ] as const,
  ),
  [{ LOG_LEVEL: 'a\nb' }, 'LOG_LEVEL is "a\\nb"; allowed is one of trace, debug, info, warn, error, fatal, silent'],
  ...['localhost', '10.0.0.1/8', '10.0.0.0/33', '::1/129', '10.0.0.0/8,', '10.0.0.0/8 ::1', 'fe80::1%eth0'].map(
    (text): [Record<string, string>, string] => [
      { TRUSTED_PROXIES: text },
      `TRUSTED_PROXIES is "${text}"; allowed is addresses and ranges such as 10.0.0.0/8 or 2001:db8::1, separated by commas`,
    ],
  ),
  ...CORS_REFUSED.map(([given, named]): [Record<string, string>, string] => [
    { CORS_ORIGINS: given },
    `CORS_ORIGINS is ${JSON.stringify(named)}; allowed is * alone, or origins such as https://shop.example, separated by commas: http or https, a host, no path`,
  ]),
  [
    { JWT_ISSUER: 'x'.repeat(256) },
    `JWT_ISSUER is "${'x'.repeat(100)}…"; allowed is 1 to 255 visible ASCII characters`,
  ],
  [{ NODE_ENV: 'production' }, 'JWT_SECRET is not set; allowed is a text of at least 32 bytes; production needs one'],
];

for (const [env, line] of REFUSED) {
  test(`${JSON.stringify(env).slice(0, 80)} stops the start with one line that names variable, value and what is allowed`, () => {
    assert.throws(() => parseConfig(env), new ConfigError(line));
    assert.ok(!line.includes('\n'));
  });
}

test('what is secret does not show in the error line', () => {
  assert.throws(() => parseConfig({ JWT_SECRET: 'hunter2' }), /^ConfigError: JWT_SECRET is a text of 7 bytes; allowed/);
  assert.throws(
    () => parseConfig({ DATABASE_URL: 'mysql://root:hun/ter2@db/x' }),
    /^ConfigError: DATABASE_URL is "mysql:\/\/\*\*\*@db\/x"; allowed/,
  );
});

describe('a secret in a file', () => {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-secrets-'));
  after(() => rmSync(directory, { recursive: true }));
  const file = (text: string): string => {
    const path = join(directory, String(readdirSync(directory).length));
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };

  it('counts as the variable, without the newline at its end', () => {
    const config = parseConfig({
      DATABASE_URL_FILE: file('postgres://u:p@db/clipbook\n'),
      REDIS_URL_FILE: file('redis://:pw@cache:6379\r\n'),
      JWT_SECRET_FILE: file(`${SECRET}\n`),
    });
    assert.equal(config.databaseUrl, 'postgres://u:p@db/clipbook');
    assert.equal(config.redisUrl, 'redis://:pw@cache:6379');
    assert.equal(config.jwtSecret, SECRET);
    assert.equal(parseAccountConfig({ CLIPBOOK_PASSWORD_FILE: file('long enough 1\n') }).password, 'long enough 1');
  });

  it('and the variable itself can not both be set, unless one of them is empty', () => {
    for (const name of ['DATABASE_URL', 'REDIS_URL', 'JWT_SECRET']) {
      const both = { [name]: 'x', [`${name}_FILE`]: '/x' };
      assert.throws(() => parseConfig(both), new ConfigError(`${name} and ${name}_FILE are both set; set one of them`));
    }
    assert.equal(parseConfig({ JWT_SECRET: SECRET, JWT_SECRET_FILE: '' }).jwtSecret, SECRET);
    assert.equal(parseConfig({ JWT_SECRET: '', JWT_SECRET_FILE: file(SECRET) }).jwtSecret, SECRET);
  });

  it('that is not there, is empty, or holds something else stops the start with one line that shows nothing of it', () => {
    const missing = join(directory, 'missing');
    const empty = file('\n');
    const refused: readonly (readonly [Record<string, string>, string])[] = [
      [{ JWT_SECRET_FILE: missing }, `JWT_SECRET_FILE is "${missing}"; that file can not be read (ENOENT)`],
      [{ JWT_SECRET_FILE: directory }, `JWT_SECRET_FILE is "${directory}"; that file can not be read (EISDIR)`],
      [{ REDIS_URL_FILE: empty }, `REDIS_URL_FILE is "${empty}"; that file is empty`],
      [
        { JWT_SECRET_FILE: file('hunter2') },
        'JWT_SECRET_FILE names a file that holds a text of 7 bytes; allowed is a text of at least 32 bytes',
      ],
      [
        { DATABASE_URL_FILE: file('hunter2') },
        'DATABASE_URL_FILE names a file that holds a text of 7 bytes; allowed is a URL that begins with postgres:// or postgresql://',
      ],
    ];
    for (const [env, line] of refused) assert.throws(() => parseConfig(env), new ConfigError(line));
  });
});

test('production refuses a signing secret that can be guessed, and development takes it', () => {
  const guessable = [
    'a-string-secret-at-least-256-bits-long',
    'x'.repeat(64),
    'changeme'.repeat(8),
    'your-256-bit-secret-your-256-bit-secret',
    '0101010101010101010101010101010101010101',
  ];
  for (const secret of guessable) {
    assert.throws(
      () => parseConfig({ NODE_ENV: 'production', JWT_SECRET: secret }),
      /^ConfigError: JWT_SECRET is a text of \d+ bytes; allowed is one that nobody can guess, such as the output of: openssl rand -hex 32$/,
    );
    assert.equal(parseConfig({ JWT_SECRET: secret }).jwtSecret, secret);
  }
  for (let n = 0; n < 1000; n++) {
    const secret = randomBytes(32).toString('hex');
    assert.equal(parseConfig({ NODE_ENV: 'production', JWT_SECRET: secret }).jwtSecret, secret);
  }
});

test('repairing accounts needs no secret of the server', () => {
  const { databaseUrl, environment } = parseAccountConfig({ NODE_ENV: 'production', PORT: 'is not looked at' });
  assert.deepEqual([databaseUrl, environment], [null, 'production']);
});

test('the signing secret is made once, kept for its owner alone, and read again', (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'clipbook-config-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  const config = parseConfig({ DATA_DIR: join(dataDir, 'new') });
  const secret = jwtSecretOf(config);
  assert.ok(Buffer.byteLength(secret) >= 32);
  assert.equal(jwtSecretOf(config), secret);
  assert.deepEqual(readdirSync(config.dataDir), ['jwt-secret']);
  assert.equal(statSync(join(config.dataDir, 'jwt-secret')).mode & 0o777, 0o600);
});

test('a given secret is used and nothing is written', (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'clipbook-config-'));
  t.after(() => rmSync(dataDir, { recursive: true }));
  assert.equal(jwtSecretOf(parseConfig({ DATA_DIR: dataDir, JWT_SECRET: SECRET })), SECRET);
  assert.deepEqual(readdirSync(dataDir), []);
});

test('docs/configuration.md holds the table of what is declared (npm run document writes it)', () => {
  const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  assert.ok(page.includes(`<!-- declared -->\n${configurationTable()}\n<!-- end -->`));
});

test('an invalid generator key is refused and not shown', () => {
  for (const key of ['ab', 'x'.repeat(64), 'ab'.repeat(33), `${'ab'.repeat(32)} ab`]) {
    assert.throws(
      () => parseConfig({ GENERATOR_KEY: key }),
      (error) =>
        error instanceof ConfigError &&
        error.message ===
          `GENERATOR_KEY is a text of ${key.length} bytes; allowed is 1 to 16 keys of 64 hexadecimal digits, separated by spaces, newlines or commas`,
    );
  }
});
