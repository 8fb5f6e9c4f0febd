/**
 * The command line on a real terminal (python3 makes one) and in real pipes, against a real server.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ADMIN } from '../support/api.js';
import { nodeArgs } from '../support/build.js';
import { ended, startCli } from '../support/cli.js';
import { startOnTerminal } from '../support/pty.js';
import { openStage, type Stage } from './stage.js';

/** So many that loading takes a second or two. */
const MANY = 600_000;

let stage: Stage;
let environment: Readonly<Record<string, string>>;

before(async () => {
  stage = await openStage();
  environment = { CLIPBOOK_URL: stage.server.url, CLIPBOOK_TOKEN: stage.token };
});
after(() => stage.close());

const newBook = (): Promise<string> => stage.newBook('shown');

async function codesFile(prefix: string, count: number): Promise<string> {
  const file = join(stage.directory, `${prefix}.csv`);
  await writeFile(file, Array.from({ length: count }, (_, n) => `${prefix}-${n}-${n * 7919}\n`).join(''));
  return file;
}

/** What stood on the terminal's line, one text for each time that it was drawn. */
const drawn = (shown: string): string[] => shown.split(/\r|\n/).map((text) => text.replaceAll('\x1b[K', ''));

const count = (text: string): number => Number(text.replaceAll(',', ''));

describe('on a terminal', () => {
  it('an import draws sending and loading, and 100 % only when the codes can be assigned', async () => {
    const book = await newBook();
    const file = await codesFile('TTY', MANY);
    stage.proxy.order({ on: `POST /api/v1/coupon-books/${book}/codes`, times: 1, how: { bytesPerSecond: 5e6 } });
    const through = { ...environment, CLIPBOOK_URL: stage.proxy.url };
    const terminal = startOnTerminal(['import', file, '--book', book], through);
    await terminal.shows('100 %');
    const assigned = await stage.api.call('POST', '/coupons/assign/TTY-7-55433', { userId: 'ada' });
    assert.equal(assigned.status, 200);
    assert.equal(await terminal.ended(), 0);

    const lines = drawn(terminal.shown());
    assert.ok(
      lines.some((line) =>
        /^import \[#*\.+\] \d+ % sending [\d.]+ of 1\d\.\d MB, [\d.]+ [kM]B\/s, \d+ s left$/.test(line),
      ),
      terminal.shown(),
    );
    const loading = lines.flatMap((line) => /loading ([\d,]+) of 600,000 codes/.exec(line)?.[1] ?? []);
    assert.ok(
      loading.some((loaded) => count(loaded) > 0 && count(loaded) < MANY),
      `no progress of loading in\n${terminal.shown()}`,
    );
    assert.ok(lines.some((line) => /loading .* codes, [\d,]+ codes\/s, \d+ s left$/.test(line)));
    const percents = lines.flatMap((line) => /\] (\d+) %/.exec(line)?.[1] ?? []).map(Number);
    assert.deepEqual(
      percents,
      [...percents].sort((a, b) => a - b),
      'it never goes back',
    );
    assert.match(terminal.shown(), /\] 100 % 600,000 codes in \d+ s\r\n600000 added of 600000, 0 known before/);
  });

  it('an import of ten lines ends at 100 %, too, and nothing is coloured', async () => {
    const book = await newBook();
    const terminal = startOnTerminal(['import', await codesFile('TEN', 10), '--book', book], environment);
    await terminal.shows('100 %');
    assert.equal((await stage.api.call('POST', '/coupons/assign/TEN-0-0', { userId: 'ada' })).status, 200);
    assert.equal(await terminal.ended(), 0);
    assert.match(terminal.shown(), /\[#{30}\] 100 % 10 codes in 1 s\r\n10 added of 10/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the start of a control sequence
    assert.doesNotMatch(terminal.shown(), /\x1b\[[\d;]*m/);
  });

  it('Ctrl-C cancels the job of a generation on the server, and ends with 130', async () => {
    const book = await newBook();
    const terminal = startOnTerminal(['generate', '--book', book, '--quantity', '5000000'], environment);
    await terminal.shows('of 5,000,000 codes');
    terminal.type('\x03');
    assert.equal(await terminal.ended(), 130);
    assert.match(terminal.shown(), /Cancelled; nothing was added\./);
    const jobId = /Cancelling job ([0-9a-f-]{36})\./.exec(terminal.shown())?.[1];
    assert.equal((await stage.api.call('GET', `/jobs/${jobId}`)).body.status, 'cancelled');
    assert.equal((await stage.api.call('GET', `/coupon-books/${book}`)).body.counts.total, 0);
  });

  it('a password is asked for and not shown', async () => {
    const env = { CLIPBOOK_URL: stage.server.url, CLIPBOOK_TOKEN: '', CLIPBOOK_PASSWORD: '' };
    const terminal = startOnTerminal(['token', '--email', ADMIN.email], env);
    await terminal.shows(`Password of ${ADMIN.email}: `);
    terminal.type(`wrong\x15${ADMIN.password}x\x7f\r`);
    assert.equal(await terminal.ended(), 0, terminal.shown());
    assert.match(terminal.shown(), /: \r\n[\w-]+\.[\w-]+\.[\w-]+\r\n$/);
  });

  it('Ctrl-C at the question for the password ends with 130', async () => {
    const env = { CLIPBOOK_URL: stage.server.url, CLIPBOOK_TOKEN: '', CLIPBOOK_PASSWORD: '' };
    const terminal = startOnTerminal(['token', '--email', ADMIN.email], env);
    await terminal.shows('Password of');
    terminal.type('\x03');
    assert.equal(await terminal.ended(), 130);
  });

  it('that is dumb gets plain lines', async () => {
    const book = await newBook();
    const env = { ...environment, TERM: 'dumb' };
    const terminal = startOnTerminal(['generate', '--book', book, '--quantity', '1000000'], env);
    assert.equal(await terminal.ended(), 0);
    assert.match(terminal.shown(), /^generate: \d+ %, generating [\d,]+ of 1,000,000 codes/);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what must not be there
    assert.doesNotMatch(terminal.shown(), /\x1b|\r(?!\n)/);
  });
});

describe('in a pipe', () => {
  it('progress is a few plain lines on stderr, and the result is on stdout', async () => {
    const book = await newBook();
    const startedMs = performance.now();
    const args = ['import', await codesFile('PIPE', MANY), '--book', book];
    const { code, out, told } = await ended(startCli(args, environment));
    const seconds = (performance.now() - startedMs) / 1000;
    assert.equal(code, 0, told);
    assert.match(out, /^600000 added of 600000, 0 known before, 0 invalid\nread from column 1; .+\n$/);
    const lines = told.split('\n');
    assert.equal(lines.pop(), '');
    for (const line of lines) assert.match(line, /^import: (?:\d+ %, )[ -~]+$/);
    assert.ok(lines.length >= 2 && lines.length <= 2 + seconds / 5, told);
    assert.match(lines.at(-1) ?? '', /^import: 100 %, 600,000 codes in \d+ s$/);
  });

  it('--quiet shows only the result, and --json shows it for programs', async () => {
    const book = await newBook();
    const args = ['generate', '--book', book, '--quantity', '600000', '--quiet', '--json'];
    const generated = await ended(startCli(args, environment));
    assert.equal(generated.told, '');
    const { jobId, generatedCodes, totalCodes, keyspace, guessOdds } = JSON.parse(generated.out);
    assert.match(jobId, /^[0-9a-f-]{36}$/);
    assert.deepEqual([generatedCodes, totalCodes, typeof keyspace], [600_000, 600_000, 'string']);
    assert.equal(typeof guessOdds, 'object');

    const child = startCli(['import', '-', '--book', book, '--json'], environment);
    child.stdin?.end('JSON-1\nno!\n');
    const { out, told } = await ended(child);
    assert.equal(told, '');
    const { received, added, duplicates, invalid, errors } = JSON.parse(out);
    assert.deepEqual([received, added, duplicates, invalid, errors.length], [2, 1, 0, 1, 1]);
    assert.equal(out.trimEnd().includes('\n'), false);
  });

  it('export | head ends quietly with 141, and the server stops sending', async () => {
    const book = await newBook();
    await ended(startCli(['generate', '--book', book, '--quantity', '1000000', '--quiet'], environment));
    const cli = `'${process.execPath}' '${nodeArgs('src/cli/main.ts').join("' '")}' export --book ${book}`;
    const shell = spawn('bash', ['-c', `${cli} | head -n 1; echo "\${PIPESTATUS[0]}"`], {
      env: { ...process.env, ...environment },
    });
    const { out, told } = await ended(shell);
    assert.equal(out, 'code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt\r\n141\n');
    assert.equal(told, '');
    const metrics = await (await fetch(`${stage.server.url}/metrics`)).text();
    assert.match(metrics, /^clipbook_http_aborted_total [1-9]/m);
  });

  it('a password comes from a file', async () => {
    const file = join(stage.directory, 'password');
    await writeFile(file, `${ADMIN.password}\n`);
    const env = {
      CLIPBOOK_URL: stage.server.url,
      CLIPBOOK_TOKEN: '',
      CLIPBOOK_PASSWORD: '',
      CLIPBOOK_PASSWORD_FILE: file,
    };
    const { code, out, told } = await ended(startCli(['token', '--email', ADMIN.email], env));
    assert.equal(code, 0, told);
    assert.match(out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });

  it('a password comes from the first line of the standard input', async () => {
    const env = { CLIPBOOK_URL: stage.server.url, CLIPBOOK_TOKEN: '', CLIPBOOK_PASSWORD: '' };
    const child = startCli(['token', '--email', ADMIN.email, '--password-stdin'], env);
    child.stdin?.end(`${ADMIN.password}\nanother line\n`);
    const { code, out, told } = await ended(child);
    assert.equal(code, 0, told);
    assert.match(out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });
});
