/**
 * `clipbook user` on a database that no server uses: passwords, exit codes, and what it leaves
 * behind.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { testServer } from '../postgres/server.js';
import { nodeArgs } from '../support/build.js';
import { ended, startCli } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PASSWORD = 'correct horse battery';
const postgres = testServer();
const directory = mkdtempSync(join(tmpdir(), 'clipbook-user-'));
after(() => rmSync(directory, { recursive: true, force: true }));

let url = '';

const environment = (): Record<string, string> => ({ DATABASE_URL: url, NODE_ENV: 'production' });

async function user(args: readonly string[], input = '', env: Readonly<Record<string, string>> = {}) {
  const child = startCli(['user', ...args], { ...environment(), ...env });
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return ended(child);
}

async function query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('clipbook user', () => {
  before(async () => {
    const admin = new pg.Client(postgres.postgres().url);
    await admin.connect();
    await admin.query('CREATE DATABASE accounts');
    await admin.end();
    url = Object.assign(new URL(postgres.postgres().url), { pathname: '/accounts' }).href;
  });

  it('makes an empty database usable and an account in it', async () => {
    const { code, out } = await user(['create', '--role', 'admin', 'ada@shop.example'], PASSWORD);
    assert.deepEqual([code, out], [0, 'created ada@shop.example with the role admin\n']);
    const [ada] = await query<{ hash: string; role: string }>('SELECT password_hash AS hash, role FROM users');
    assert.equal(ada?.role, 'admin');
    assert.match(ada?.hash ?? '', /^\$argon2id\$/);
  });

  it('takes a password from a variable, from a file, and from standard input', async () => {
    const file = join(directory, 'password');
    writeFileSync(file, `${PASSWORD}\n`);
    const sources: readonly (readonly [string, Record<string, string>])[] = [
      ['', { CLIPBOOK_PASSWORD: PASSWORD }],
      ['', { CLIPBOOK_PASSWORD_FILE: file }],
      [`${PASSWORD}\n`, {}],
    ];
    for (const [n, [input, env]] of sources.entries())
      assert.equal((await user(['create', `source-${n}@shop.example`], input, env)).code, 0, `source ${n}`);
  });

  it('names what is wrong with a password in one line, without showing it', async () => {
    const refused: readonly (readonly [string, RegExp])[] = [
      ['', /^error: There is no password; nothing was changed\.\n$/],
      ['elevenchars', /^error: The password has fewer than 12 characters; nothing was changed\.\n$/],
      ['x'.repeat(129), /^error: The password has more than 128 characters; nothing was changed\.\n$/],
      [
        'two lines of\npassword',
        /^error: The password is more than one line, or holds a control character; nothing was changed\.\n$/,
      ],
    ];
    for (const [password, line] of refused) {
      const { code, out, told } = await user(['create', 'bob@shop.example'], password);
      assert.deepEqual([code, out], [2, '']);
      assert.match(told, line);
    }
    const both = await user(['list'], '', { CLIPBOOK_PASSWORD: PASSWORD, CLIPBOOK_PASSWORD_FILE: '/x' });
    assert.deepEqual(
      [both.code, both.told],
      [2, 'error: CLIPBOOK_PASSWORD and CLIPBOOK_PASSWORD_FILE are both set; set one of them\n'],
    );
    assert.equal((await query(`SELECT FROM users WHERE email = 'bob@shop.example'`)).length, 0);
  });

  it('takes no password as an argument', async () => {
    assert.equal((await user(['create', 'bob@shop.example', PASSWORD])).code, 2);
    assert.equal((await user(['create', '--password', PASSWORD, 'bob@shop.example'])).code, 2);
  });

  it('ends with an exit code that names the cause, and one line', async () => {
    const cases: readonly (readonly [readonly string[], number, RegExp])[] = [
      [
        ['create', 'Ada@shop.example'],
        3,
        /^error: An account Ada@shop\.example exists already; use passwd, role or enable/,
      ],
      [
        ['create', 'ADMIN@Admin.com'],
        3,
        /^error: ADMIN@Admin\.com is a seeded login, which never signs in in production/,
      ],
      [['passwd', 'user@user.com'], 3, /^error: user@user\.com is a seeded login/],
      [['disable', 'nobody@shop.example'], 3, /^error: There is no account nobody@shop\.example\.\n$/],
      [['create', 'no address'], 2, /email/],
      [['role', 'ada@shop.example', 'root'], 2, /root/],
      [['create'], 2, /email/],
    ];
    for (const [args, code, line] of cases) {
      const got = await user(args, PASSWORD);
      assert.equal(got.code, code, args.join(' '));
      assert.match(got.told, line);
    }
    const away = await user(['list'], '', { DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' });
    assert.equal(away.code, 4);
    assert.match(
      away.told,
      /^error: PostgreSQL at 127\.0\.0\.1:1 \(DATABASE_URL\) can not be used: .*ECONNREFUSED.*\n$/,
    );
    assert.doesNotMatch(away.told, /hunter2/);
    const { code, out } = await user(['--help']);
    assert.equal(code, 0);
    for (const exit of [0, 1, 2, 3, 4, 130]) assert.match(out, new RegExp(`^ {2}${exit} +\\w`, 'm'));
  });

  it('lists accounts with role and state, and says when no admin is left', async () => {
    const told = await user(['disable', 'ada@shop.example']);
    assert.deepEqual(told, {
      code: 0,
      out: 'ada@shop.example is disabled; its tokens have ended\n',
      told: 'No admin is left that can sign in.\n',
    });
    const { out } = await user(['list']);
    assert.match(out, /^ada@shop\.example +admin +disabled +\S+Z$/m);
    assert.match(out, /^source-0@shop\.example +user +active +\S+Z$/m);
    assert.match((await user(['passwd', 'ada@shop.example'], PASSWORD)).told, /is disabled; use enable/);
    assert.deepEqual((await user(['enable', 'ada@shop.example'])).out, 'ada@shop.example may sign in\n');
  });

  it('shows seeded logins of a development database as refused', async () => {
    await query(`INSERT INTO users (id, email, role, password_hash, created_ms)
      VALUES (gen_random_uuid(), 'Admin@admin.com', 'admin', 'x', 0)`);
    assert.match((await user(['list'])).out, /^Admin@admin\.com +admin +refused \(seeded\) /m);
    assert.equal((await user(['disable', 'admin@admin.com'])).code, 0);
    assert.match((await user(['list'], '', { NODE_ENV: 'development' })).out, /^Admin@admin\.com +admin +disabled /m);
  });

  it('leaves the schema of a database that a server of an older version may be using as it is', async () => {
    const undo = `ALTER TABLE users DROP COLUMN disabled_ms, DROP COLUMN generation, DROP COLUMN repaired_ms`;
    await query(`${undo}; DELETE FROM migrations WHERE name LIKE '0006%'`);
    const { code, told } = await user(['list']);
    assert.deepEqual([code, told.startsWith('error: This database is of an older version of Clipbook')], [3, true]);
    const columns = `SELECT FROM information_schema.columns WHERE table_name = 'users' AND column_name = 'generation'`;
    assert.equal((await query(columns)).length, 0);
  });
});

describe('clipbook user in a terminal', () => {
  it('asks twice for the password, which does not show', async () => {
    const dataDir = join(directory, 'terminal');
    const made = await typed(dataDir, ['create', 'ada@shop.example'], [`${PASSWORD}x\x7f\r`, `${PASSWORD}\r`]);
    assert.equal(made.code, 0, made.shown);
    assert.equal(made.shown, 'New password: \r\nThe same again: \r\ncreated ada@shop.example with the role user\r\n');
    const differing = await typed(dataDir, ['passwd', 'ada@shop.example'], [`${PASSWORD}\r`, 'something else\r']);
    assert.equal(differing.code, 2);
    assert.match(differing.shown, /The two passwords are not the same; nothing was changed\./);
    assert.doesNotMatch(differing.shown, /horse|else/);
  });

  it('is cancelled by Ctrl-C and gives the terminal back', async () => {
    const { code, shown } = await typed(join(directory, 'terminal'), ['passwd', 'ada@shop.example'], ['half\x03']);
    assert.equal(code, 130);
    assert.equal(shown, 'New password: \r\nCancelled; nothing was changed.\r\n');
  });
});

describe('clipbook user on an embedded database that no server uses', () => {
  // As root, the directory of another user; else our own.
  const uid = process.getuid?.() === 0 ? 65_534 : (process.getuid?.() ?? 0);
  const dataDir = join(directory, 'embedded');
  const onIt = (args: readonly string[], input = '') => user(args, input, { DATABASE_URL: '', DATA_DIR: dataDir });

  it('leaves everything to the user whose DATA_DIR it is', async () => {
    mkdirSync(dataDir);
    if (process.getuid?.() === 0) chownSync(dataDir, uid, uid);
    assert.equal((await onIt(['create', 'ada@shop.example'], PASSWORD)).code, 0);
    const others = everythingIn(dataDir).filter((path) => lstatSync(path).uid !== uid);
    assert.deepEqual(others, []);
    assert.equal(statSync(join(dataDir, 'postgres', 'password')).mode & 0o777, 0o600);
  });

  it('makes no database where only `create` may make one', async () => {
    const elsewhere = join(directory, 'elsewhere');
    for (const args of [['list'], ['passwd', 'ada@shop.example'], ['disable', 'ada@shop.example']]) {
      const { code, out, told } = await user(args, PASSWORD, { DATABASE_URL: '', DATA_DIR: elsewhere });
      assert.deepEqual([code, out], [2, ''], args.join(' '));
      assert.equal(
        told,
        `error: There is no database in ${elsewhere}/postgres; nothing was changed. Set DATA_DIR or DATABASE_URL as for the server.\n`,
      );
    }
    assert.equal(existsSync(elsewhere), false);
  });

  it('works any number of times at once', async () => {
    const lists = await Promise.all(Array.from({ length: 4 }, () => onIt(['list'])));
    for (const { code, out, told } of lists) {
      assert.equal(code, 0, told);
      assert.match(out, /^ada@shop\.example /m);
    }
  });
});

/**
 * Runs the command in a terminal of its own; each of `lines` is typed when the next question is
 * asked.
 */
async function typed(dataDir: string, args: readonly string[], lines: readonly string[]) {
  const command = [process.execPath, ...nodeArgs('src/cli/main.ts'), 'user', ...args]
    .map((word) => `'${word}'`)
    .join(' ');
  const env = { ...process.env, DATA_DIR: dataDir, DATABASE_URL: '', NODE_ENV: 'production' };
  // util-linux's `script` gives it a terminal, and its exit code to us.
  const child: ChildProcess = spawn('script', ['-qec', command, '/dev/null'], { cwd: ROOT, env });
  let shown = '';
  let asked = 0;
  child.stdout?.on('data', (chunk: Buffer) => {
    shown += chunk.toString();
    const questions = shown.match(/(?:New password|The same again): /g)?.length ?? 0;
    for (; asked < questions && asked < lines.length; asked++) child.stdin?.write(lines[asked] ?? '');
  });
  await once(child, 'close');
  return { code: child.exitCode, shown };
}

function everythingIn(path: string): string[] {
  const below = readdirSync(path, { withFileTypes: true }).flatMap((entry) => {
    const child = join(path, entry.name);
    return entry.isDirectory() ? everythingIn(child) : [child];
  });
  return [path, ...below];
}
