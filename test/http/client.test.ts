/**
 * A client that openapi-typescript generates with its defaults: a file that calls every operation
 * with its examples passes the type check, and a program written with it works against a real
 * server.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { examplesOf } from '../../src/http/api/examples/table.js';
import type { Route } from '../../src/http/api/route.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { type Server, startServer, temporaryDirectory } from '../support/server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

let data: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: Server;
let folder: string;

before(async () => {
  data = await temporaryDirectory();
  server = await startServer(join(data.path, 'data'));
  folder = mkdtempSync(join(tmpdir(), 'clipbook-client-'));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const compilerOptions = {
    target: 'ES2023',
    lib: ['ES2023', 'DOM'],
    module: 'NodeNext',
    types: [],
    strict: true,
    noUncheckedIndexedAccess: true,
    noEmit: true,
    skipLibCheck: true,
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  writeFileSync(join(folder, 'openapi.json'), await (await fetch(`${server.url}/openapi.json`)).text());
  run(['--import', './test/support/typescript-6.mjs', 'node_modules/openapi-typescript/bin/cli.js'], 'openapi.json');
  writeFileSync(join(folder, 'calls.ts'), callsOf(ROUTES.filter(({ spec }) => spec.asset !== true)));
  writeFileSync(join(folder, 'story.ts'), STORY);
});

after(async () => {
  await server?.stop();
  await data.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

function run(generator: readonly string[], description: string): void {
  const args = [...generator, join(folder, description), '--output', join(folder, 'api.ts')];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
}

/** What the compiler says about the folder; '' when all is well. */
function complaints(): string {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  return spawnSync(process.execPath, [compiler, '-p', folder], { cwd: folder, encoding: 'utf8' }).stdout;
}

/** A call for each example of a body, or one where there is no body. */
function callsOf(routes: readonly Route[]): string {
  const lines = routes.flatMap((route) => {
    const { parameters = {}, bodies } = examplesOf(route.id, route.spec.replacedBy);
    const part = (inPath: boolean): Record<string, unknown> =>
      Object.fromEntries(Object.entries(parameters).filter(([name]) => route.paramNames.includes(name) === inPath));
    // An older path shows the examples of another one, which has parameters of its own.
    const query = route.spec.query === undefined ? {} : part(false);
    const used = Object.entries({ path: part(true), query }).filter(([, values]) => Object.keys(values).length > 0);
    const params = used.length === 0 ? {} : { params: Object.fromEntries(used) };
    const sent =
      bodies === undefined
        ? [params]
        : Object.entries(bodies).flatMap(([type, examples]) =>
            Object.values(examples).map(({ value }) => ({
              ...params,
              body: value,
              ...(type === 'application/json' ? {} : { headers: { 'Content-Type': type } }),
            })),
          );
    return sent.map((init) => `  () => client.${route.method}('${route.path}', ${JSON.stringify(init)}),`);
  });
  return [
    `import createClient from 'openapi-fetch';`,
    `import type { paths } from './api.js';`,
    `const client = createClient<paths>();`,
    `export const calls = [`,
    ...lines,
    `];`,
    '',
  ].join('\n');
}

/** What a shop would write. Each field that it reads is one that the types know. */
const STORY = `
import createClient from 'openapi-fetch';
import type { components, paths } from './api.js';

export type Problem = components['schemas']['Problem'];

export async function story(baseUrl: string) {
  const client = createClient<paths>({ baseUrl });
  const signedIn = await client.POST('/api/v1/auth/token', { body: { email: 'admin@admin.com', password: 'Password1' } });
  if (signedIn.data === undefined) throw new Error(signedIn.error.detail);
  client.use({
    onRequest({ request }) {
      request.headers.set('Authorization', \`Bearer \${signedIn.data.accessToken}\`);
    },
  });
  const { data: book } = await client.POST('/api/v1/coupon-books', { body: { name: 'From a typed client' } });
  if (book === undefined) throw new Error('no book');
  const path = { id: book.id };
  const { data: uploaded } = await client.POST('/api/v1/coupon-books/{id}/codes', {
    params: { path },
    body: 'code\\nTYPED-0001\\nTYPED-0002\\n',
    bodySerializer: (body) => body,
    headers: { 'Content-Type': 'text/csv' },
  });
  const body = { couponBookId: book.id, userId: 'ada' };
  const header = { 'Idempotency-Key': 'typed-1' };
  const first = await client.POST('/api/v1/coupons/assign', { params: { header }, body });
  const again = await client.POST('/api/v1/coupons/assign', { params: { header }, body });
  if (first.data === undefined) throw new Error(first.error.detail);
  const { code } = first.data;
  if (code === null) throw new Error('only a dry run draws no code');
  const redeemed = await client.POST('/api/v1/coupons/{code}/redeem', { params: { path: { code } }, body: { userId: 'ada' } });
  const twice = await client.POST('/api/v1/coupons/{code}/redeem', { params: { path: { code } }, body: { userId: 'ada' } });
  const problem: Problem | undefined = twice.error;
  const { data: list } = await client.GET('/api/v1/coupon-books/{id}/codes', { params: { path, query: { status: 'redeemed' } } });
  return {
    isActive: book.isActive,
    added: uploaded?.added,
    isReplayed: again.data?.code === code && again.response.headers.get('Idempotency-Replayed') === 'true',
    remaining: redeemed.data?.remaining,
    problem: problem?.type,
    redeemed: list?.items.map((item) => item.code === code),
  };
}
`;

describe('a client that openapi-typescript generates with its defaults', () => {
  it('compiles for every operation, with every example as its body', () => {
    assert.equal(complaints(), '');
  });

  it('refuses a body with a field that is missing or of another type', () => {
    const file = join(folder, 'wrong.ts');
    const wrong = [`{}`, `{ name: 'x', isActive: 'yes' }`];
    const calls = wrong.map((body) => `client.POST('/api/v1/coupon-books', { body: ${body} });`);
    const imports = `import createClient from 'openapi-fetch';\nimport type { paths } from './api.js';`;
    writeFileSync(file, [imports, 'const client = createClient<paths>();', ...calls, ''].join('\n'));
    const found = complaints();
    rmSync(file);
    assert.deepEqual([...found.matchAll(/^wrong\.ts\((\d+),/gm)].map((match) => match[1]).sort(), ['4', '5']);
  });

  it('works against a real server', async () => {
    const { story } = (await import(pathToFileURL(join(folder, 'story.ts')).href)) as {
      story(baseUrl: string): Promise<object>;
    };
    assert.deepEqual(await story(server.url), {
      isActive: true,
      added: 2,
      isReplayed: true,
      remaining: 0,
      problem: '/problems/used-up',
      redeemed: [true],
    });
  });
});
