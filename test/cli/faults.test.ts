/** What the command line does when the network, the server or its user does something wrong. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ended, startCli } from '../support/cli.js';
import { openStage, type Stage } from './stage.js';

let stage: Stage;
let environment: Readonly<Record<string, string>>;
let book: string;

before(async () => {
  stage = await openStage();
  environment = { CLIPBOOK_URL: stage.proxy.url, CLIPBOOK_TOKEN: stage.token };
  book = await stage.newBook('through faults');
});
after(() => stage.close());

const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}, input = '') => {
  const child = startCli(args, { ...environment, ...env });
  child.stdin?.on('error', () => undefined).end(input);
  return ended(child);
};

const total = async (): Promise<number> => (await stage.api.call('GET', `/coupon-books/${book}`)).body.counts.total;

async function fileOf(name: string, text: string): Promise<string> {
  const file = join(stage.directory, name);
  await writeFile(file, text);
  return file;
}

describe('a lost or late answer', () => {
  it('an upload whose answer is lost is sent again, and its codes are added once', async () => {
    const before = await total();
    const file = await fileOf('lost.csv', 'LOST-1\nLOST-2\n');
    stage.proxy.order({ on: `POST /api/v1/coupon-books/${book}/codes`, times: 1, how: 'lose' });
    const { code, out, told } = await run(['import', file, '--book', book]);
    assert.equal(code, 0, told);
    assert.match(out, /^2 added of 2, 0 known before, 0 invalid\n/);
    assert.match(
      told,
      /^The connection to http:\/\/127\.0\.0\.1:\d+ was lost: .+\. Trying again in 0\.3 s\.\n(?:import: .+\n)*$/,
    );
    assert.equal(await total(), before + 2);
  });

  it('a generation whose answer is lost makes its codes once', async () => {
    const before = await total();
    stage.proxy.order({ on: `POST /api/v1/coupon-books/${book}/generate`, times: 1, how: 'lose' });
    const { code, out, told } = await run(['generate', '--book', book, '--quantity', '50']);
    assert.equal(code, 0, told);
    assert.equal(out, '50 generated\n');
    assert.equal(await total(), before + 50);
  });

  it('the standard input cannot be sent again: the failure says what is unknown, and names the key for a repeat', async () => {
    const before = await total();
    stage.proxy.order({ on: `POST /api/v1/coupon-books/${book}/codes`, times: 1, how: 'lose' });
    const lost = await run(['import', '-', '--book', book], {}, 'ONCE-1\n');
    assert.equal(lost.code, 4);
    assert.match(lost.told, /^error: The connection to .+ was lost/);
    const key = /It is not known whether the codes were added\. .+ --idempotency-key ([0-9a-f-]{36}) /.exec(
      lost.told,
    )?.[1];
    const again = await run(['import', '-', '--book', book, '--idempotency-key', String(key)], {}, 'ONCE-1\n');
    assert.match(again.out, /^1 added of 1, 0 known before, 0 invalid\n/);
    assert.equal(await total(), before + 1);
  });

  it('after a 503 the command waits as long as Retry-After says', async () => {
    const file = await fileOf('busy.csv', 'BUSY-1\n');
    stage.proxy.order({ on: 'POST', times: 1, how: { answer: busy(1) } });
    const startedMs = performance.now();
    const { code, told } = await run(['import', file, '--book', book]);
    assert.equal(code, 0, told);
    assert.match(told, /^Overloaded: Later\. \(503, request r-1\) Trying again in 1 s\.\n/);
    assert.ok(performance.now() - startedMs >= 1000);
  });

  it('a Retry-After that is too long ends the command at once', async () => {
    stage.proxy.order({ on: 'POST', times: 1, how: { answer: busy(3600) } });
    const { code, told } = await run(['generate', '--book', book, '--quantity', '1']);
    assert.equal(code, 4);
    assert.equal(told, 'error: Overloaded: Later. (503, request r-1)\n  The server asks to wait for 3600 s.\n');
  });

  it('a job is followed through a restart of the server', async () => {
    const child = startCli(['generate', '--book', book, '--quantity', '3000000'], {
      ...environment,
      CLIPBOOK_URL: stage.server.url,
    });
    const done = ended(child);
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (chunk: Buffer) => {
        if (chunk.includes('of 3,000,000')) resolve();
      });
    });
    const before = await total();
    await stage.killAndRestart();
    const { code, out, told } = await done;
    assert.equal(code, 0, told);
    assert.equal(out, '3000000 generated\n');
    assert.match(told, /cannot be reached: .+ Trying again in/);
    assert.equal(await total(), before + 3_000_000);
  });
});

function busy(retryAfterSeconds: number): string {
  const body = JSON.stringify({
    type: '/problems/overloaded',
    title: 'Overloaded',
    status: 503,
    detail: 'Later.',
    instance: 'r-1',
  });
  const head = `HTTP/1.1 503 Service Unavailable\r\nRetry-After: ${retryAfterSeconds}\r\nConnection: close`;
  return `${head}\r\nContent-Type: application/problem+json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

describe('an export', () => {
  const cut = { on: '/codes.csv', times: 1, how: { cutAfterBytes: 100_000 } } as const;

  it('that is cut off leaves neither a file nor a part of one, and ends with 1', async () => {
    const folder = join(stage.directory, 'cut');
    await mkdir(folder);
    stage.proxy.order({ ...cut });
    const { code, told } = await run(['export', '--book', book, '--out', join(folder, 'codes.csv')]);
    assert.equal(code, 1);
    assert.match(told, /The export was cut off and is not whole: .+\n$/);
    assert.deepEqual(await readdir(folder), []);
  });

  it('that is cut off does not touch the file that was there', async () => {
    const file = await fileOf('earlier.csv', 'whole');
    stage.proxy.order({ ...cut });
    assert.equal((await run(['export', '--book', book, '--out', file])).code, 1);
    assert.equal(await readFile(file, 'utf8'), 'whole');
  });

  it('that is cut off on its way to the standard output says so, and ends with 1', async () => {
    stage.proxy.order({ ...cut });
    const { code, out, told } = await run(['export', '--book', book]);
    assert.equal(code, 1);
    assert.match(out, /^code,status/);
    assert.match(told, /^The export was cut off and is not whole: .+\n$/);
  });

  it('to a link replaces what the link points to, and to /dev/null goes there', async () => {
    stage.proxy.order(null);
    const file = await fileOf('linked.csv', 'old');
    const link = join(stage.directory, 'link.csv');
    await symlink(file, link);
    const filter = ['--status', 'redeemed', '--quiet'];
    assert.equal((await run(['export', '--book', book, '--out', link, ...filter])).code, 0);
    assert.equal(await readlink(link), file);
    assert.match(await readFile(file, 'utf8'), /^code,status/);
    assert.equal((await run(['export', '--book', book, '--out', '/dev/null', ...filter])).code, 0);
    assert.ok((await lstat('/dev/null')).isCharacterDevice());
  });

  it('to a path that cannot be written is wrong use', async () => {
    const { code, told } = await run(['export', '--book', book, '--out', '/nowhere/codes.csv']);
    assert.equal(code, 2);
    assert.match(told, /^error: option '--out <file>': '\/nowhere\/codes\.csv' cannot be written: ENOENT/);
  });
});

describe('an error', () => {
  it('of wrong use names the argument, the value and what is allowed, and ends with 2', async () => {
    const uuid = randomUUID();
    const cases: readonly (readonly [readonly string[], RegExp, Readonly<Record<string, string>>?])[] = [
      [['imprt'], /^error: unknown command 'imprt'\n\(Did you mean import\?\)\n$/],
      [['verify', '--jsn'], /^error: unknown option '--jsn'\n\(Did you mean --json\?\)\n$/],
      [['verify', 'all'], /^error: too many arguments for 'verify'/],
      [['generate', '--quantity', '1'], /^error: required option '--book <id>' not specified\n$/],
      [['generate', '--book', 'b', '--quantity', '1'], /'--book <id>' argument 'b' is invalid\. .+ a UUID\.\n$/],
      [['generate', '--book', uuid, '--quantity', '0'], /'--quantity <n>' argument '0' .+ from 1 to 10000000\.\n$/],
      [['export', '--book', uuid, '--status', 'used'], /argument 'used' .+ available, assigned, locked, redeemed\.\n$/],
      [['verify', '--url', 'localhost:3000'], /'--url <url>' argument 'localhost:3000' .+ http:\/\/127\.0\.0\.1:3000/],
      [['verify'], /value 'nowhere' from env 'CLIPBOOK_URL' is invalid\./, { CLIPBOOK_URL: 'nowhere' }],
      [['import', 'codes.xls', '--book', uuid], /^error: argument '<file>': 'codes\.xls' .+\.csv.+--format csv/],
      [['import', 'none.csv', '--book', uuid], /^error: argument '<file>': 'none\.csv' cannot be read: ENOENT/],
      [['import', 'src', '--book', uuid, '--format', 'csv'], /^error: argument '<file>': 'src' is a directory\.\n$/],
      [['token', '--email', 'a@b.c', '--password', 'secret'], /^error: option '--password' is not accepted/],
      [
        ['verify', '--token', 'secret'],
        /^error: option '--token' is not accepted.+\n {2}Use CLIPBOOK_TOKEN instead\.\n$/,
      ],
      [['verify'], /^error: No credentials are given\.\n {2}Sign in with/, { CLIPBOOK_TOKEN: '' }],
      [
        ['verify'],
        /^error: CLIPBOOK_TOKEN_FILE: '\/nowhere' cannot be read: ENOENT/,
        { CLIPBOOK_TOKEN: '', CLIPBOOK_TOKEN_FILE: '/nowhere' },
      ],
      [['import', '-', '--book', uuid, '--skip', 'two'], /'--skip <lines>' argument 'two' .+ whole number from 0\.\n$/],
      [['import', '-', '--book', uuid, '--email', 'a@b.c', '--password-stdin'], /cannot hold both/],
    ];
    const answers = await Promise.all(cases.map(([args, , env]) => run(args, env)));
    for (const [index, { code, out, told }] of answers.entries()) {
      const [args, expected] = cases[index] ?? [];
      assert.match(told, expected ?? /never/, String(args));
      assert.equal(code, 2, String(args));
      assert.equal(out, '');
      assert.doesNotMatch(told, /secret|^ {4}at /m, String(args));
    }
  });

  it('of the server is its title, its detail and the request id in one line, and ends with 3', async () => {
    stage.proxy.order(null);
    const { code, told } = await run(['generate', '--book', randomUUID(), '--quantity', '1']);
    assert.equal(code, 3);
    assert.match(told, /^error: Coupon book not found: .+ \(404, request \S+\)\n$/);
  });

  it('of validation lists the fields, one per line', async () => {
    const { code, told } = await run(['generate', '--book', book, '--quantity', '1', '--pattern', 'x'.repeat(300)]);
    assert.equal(code, 3);
    assert.match(told, /^error: Validation failed: .+ \(400, request \S+\)\n(?: {2}codePattern: .+\n)+$/);
  });

  it('of a token says how to sign in, and ends with 3', async () => {
    const { code, told } = await run(['verify'], { CLIPBOOK_TOKEN: 'no token' });
    assert.equal(code, 3);
    assert.match(
      told,
      /^error: Not authenticated: .+ \(401, request \S+\)\n {2}Sign in with --email .+CLIPBOOK_TOKEN=/,
    );
  });

  it('of the network names the address, and ends with 4', async () => {
    const { code, told } = await run(['verify'], { CLIPBOOK_URL: 'http://127.0.0.1:1' });
    assert.equal(code, 4);
    assert.match(
      told,
      /^error: http:\/\/127\.0\.0\.1:1 cannot be reached: .+ \(ECONNREFUSED\)\.\n {2}Is the server running\?/,
    );
  });

  it('of an address that is not a Clipbook server says so', async () => {
    const answer = 'HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno';
    stage.proxy.order({ on: 'POST', times: 1, how: { answer } });
    const { code, told } = await run(['verify']);
    assert.equal(code, 3);
    assert.match(
      told,
      /^error: http:\/\/127\.0\.0\.1:\d+ answers 404, and not as Clipbook does\. Is this its address\?\n$/,
    );
  });

  it('that nobody expected is one line, and CLIPBOOK_DEBUG=1 shows its stack', async () => {
    stage.proxy.order(null);
    const file = await fileOf('bug.csv', 'BUG-1\n');
    const env = { NODE_OPTIONS: '--require ./test/support/failing-read.cjs' };
    const { code, told } = await run(['import', file, '--book', book], env);
    assert.equal(code, 70);
    assert.equal(told, 'error: unexpected: a bug (set CLIPBOOK_DEBUG=1 for the stack)\n');
    const debugged = await run(['import', file, '--book', book], { ...env, CLIPBOOK_DEBUG: '1' });
    assert.equal(debugged.code, 70);
    assert.match(debugged.told, /^TypeError: a bug\n.*\n {4}at /);
  });
});

describe('SIGTERM', () => {
  it('cancels as Ctrl-C does, and ends with 143', async () => {
    const child = startCli(['import', '-', '--book', book], environment);
    const done = ended(child);
    child.stdin?.on('error', () => undefined).write('TERM-1\n');
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (chunk: Buffer) => {
        if (chunk.includes('sending')) resolve();
      });
    });
    child.kill('SIGTERM');
    const { code, told } = await done;
    assert.equal(code, 143, told);
    assert.match(told, /Cancelled; nothing was added\.\n$/);
  });
});

it('the version is the one of the package', async () => {
  const { version } = JSON.parse(await readFile('package.json', 'utf8'));
  const { code, out } = await run(['--version']);
  assert.deepEqual([code, out], [0, `${version}\n`]);
});
