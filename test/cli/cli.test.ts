/** The command line against a real server. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ADMIN, type Api, connect } from '../support/api.js';
import { ended, startCli } from '../support/cli.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

let directory: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let api: Api;
let bookId: string;
let token: string;

before(async () => {
  directory = await temporaryDirectory();
  server = await startServer(join(directory.path, 'data'));
  api = await connect(server.url);
  bookId = (await api.call('POST', '/coupon-books', { name: 'from a terminal' })).body.id;
  token = (await api.call('POST', '/auth/token', ADMIN)).body.accessToken;
});

after(async () => {
  api.close();
  await server.stop();
  await directory.remove();
});

const environment = () => ({ CLIPBOOK_URL: server.url, CLIPBOOK_TOKEN: token });
const start = (args: readonly string[], env: Record<string, string> = {}): ChildProcess =>
  startCli(args, { ...environment(), ...env });
const run = (args: readonly string[], env: Record<string, string> = {}) => ended(start(args, env));

const total = async (): Promise<number> => (await api.call('GET', `/coupon-books/${bookId}`)).body.counts.total;

describe('the command line', () => {
  it('imports a file and reports the result of its lines', async () => {
    const file = join(directory.path, 'codes.csv');
    await writeFile(file, 'name,code\na,CLI-1\nb,cli-2\nc,no!\nd,CLI-1\n');
    const { code, out } = await run(['import', file, '--book', bookId]);
    assert.equal(code, 0);
    assert.match(out, /^2 added of 4, 1 known before, 1 invalid\nline 4: /);
    assert.match(out, /\nread from column 2, "code"\n$/);
  });

  it('imports a file whose column, header and title are given as options', async () => {
    const { id } = (await api.call('POST', '/coupon-books', { name: 'untidy' })).body;
    const file = join(directory.path, 'untidy.csv');
    await writeFile(file, 'For Ada\nowner;serial\nada;UNTIDY-1\nbob;UNTIDY-2\n');
    const refused = await run(['import', file, '--book', id]);
    assert.equal(refused.code, 3);
    assert.match(refused.told, /"For Ada".*\?skip=1/);
    assert.match(refused.told, /\n {2}Here these are options: --column, --header and --skip\.\n$/);
    const named = await run(['import', file, '--book', id, '--skip', '1', '--column', 'serial']);
    assert.match(named.out, /^2 added of 2, .*\nread from column 2, "serial"\n$/);
    const numbered = await run(['import', file, '--book', id, '--skip', '2', '--column', '2', '--header', 'absent']);
    assert.match(numbered.out, /^0 added of 2, 2 known before, .*\nread from column 2; there is no header\n$/);
    await api.call('POST', '/coupons/assign/UNTIDY-1', { userId: '=1+1' });
    const { out } = await run(['export', '--book', id, '--for', 'spreadsheet', '--status', 'assigned']);
    assert.match(out, /^\ufeffcode,.*\r\nUNTIDY-1,assigned,'=1\+1,/);
  });

  it('generates codes, a few at once and many in a job', async () => {
    assert.equal((await run(['generate', '--book', bookId, '--quantity', '100'])).out, '100 generated\n');
    assert.equal((await run(['generate', '--book', bookId, '--quantity', '20000'])).out, '20000 generated\n');
    assert.equal(await total(), 20_102);
  });

  it('exports all codes, with status and times', async () => {
    const assigned = await api.call('POST', '/coupons/assign/CLI-1', { userId: 'u,1' });
    await api.call('POST', '/coupons/assign/CLI-2', { userId: 'u2' });
    const redeemed = await api.call('POST', '/coupons/CLI-2/redeem', { userId: 'u2' });
    const file = join(directory.path, 'out.csv');
    assert.equal((await run(['export', '--book', bookId, '--out', file])).code, 0);
    const rows = (await readFile(file, 'utf8')).trimEnd().split('\r\n');
    assert.equal(rows.length, 20_103);
    assert.ok(rows.includes(`CLI-1,assigned,"u,1",${assigned.body.assignedAt},,0,`));
    assert.ok(
      rows.some((row) => row.startsWith('CLI-2,redeemed,u2,') && row.endsWith(`,,1,${redeemed.body.redeemedAt}`)),
    );
    const { out } = await run(['export', '--book', bookId, '--status', 'assigned']);
    assert.equal(out.trimEnd().split('\r\n').length, 2);
  });

  it('prints a token for an email and a password', async () => {
    const signIn = ['token', '--email', ADMIN.email];
    const { code, out } = await run(signIn, { CLIPBOOK_TOKEN: '', CLIPBOOK_PASSWORD: ADMIN.password });
    assert.equal(code, 0);
    assert.match(out, /^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  });

  it('ends with an exit code that names the cause', async () => {
    const nobody = { CLIPBOOK_URL: 'http://127.0.0.1:1' };
    const unknown = '01900000-0000-7000-8000-000000000000';
    const codes = await Promise.all([
      run(['generate', '--book', bookId, '--quantity', 'many']),
      run(['import', 'there-is-no.csv', '--book', bookId]),
      run(['generate', '--book', unknown, '--quantity', '1']),
      run(['generate', '--book', bookId, '--quantity', '1'], nobody),
      run(['generate', '--help']),
    ]);
    assert.deepEqual(
      codes.map(({ code }) => code),
      [2, 2, 3, 4, 0],
    );
  });

  it('cancels the job at Ctrl-C, and nothing of it is left', async () => {
    const before = await total();
    // A line of progress comes when the job is under way.
    const { code, told } = await interrupt(
      ['generate', '--book', bookId, '--quantity', '5000000'],
      'of 5,000,000 codes',
    );
    assert.equal(code, 130);
    assert.match(told, /Cancelled; nothing was added\./);
    assert.equal(await total(), before);
  });

  it('aborts the upload at Ctrl-C, and nothing of it is left', async () => {
    const before = await total();
    // The standard input stays open, so the upload can't be over before the signal.
    const many = Array.from({ length: 1_500_000 }, (_, n) => `MANY-${n}-${n * 7919}\n`).join('');
    const { code, told } = await interrupt(['import', '-', '--book', bookId], 'sending', many);
    assert.equal(code, 130);
    assert.match(told, /Cancelled; nothing was added\./);
    // What was staged of it is gone too: the same codes are new.
    const few = join(directory.path, 'few.csv');
    await writeFile(few, 'MANY-0-0\nMANY-1-7919\n');
    const again = await run(['import', few, '--book', bookId]);
    assert.match(again.out, /^2 added of 2, 0 known before/);
    assert.equal(await total(), before + 2);
  });
});

/** Sends SIGINT when the command first says so on stderr. */
async function interrupt(
  args: readonly string[],
  says: string,
  input = '',
): Promise<{ code: number | null; told: string }> {
  const child = start(args);
  child.stdin?.on('error', () => undefined).write(input);
  const closed = once(child, 'close');
  let told = '';
  let interrupted = false;
  child.stderr?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
    if (!interrupted && told.includes(says)) interrupted = child.kill('SIGINT');
  });
  await closed;
  return { code: child.exitCode, told };
}
