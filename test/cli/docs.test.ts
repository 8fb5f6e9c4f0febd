/** docs/cli.md: its reference is that of the source, and its examples run as they are written. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cliReference } from '../../src/cli/reference.js';
import { ADMIN } from '../support/api.js';
import { nodeArgs } from '../support/build.js';
import { ended } from '../support/cli.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/cli.md'), 'utf8');

test('docs/cli.md holds the reference that the source declares (npm run document writes it)', () => {
  assert.ok(PAGE.includes(`<!-- declared -->\n${cliReference()}\n<!-- end -->`));
});

test('the examples of docs/cli.md run as written', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(() => directory.remove());
  const server = await startServer(join(directory.path, 'data'));
  undo(() => server.stop());
  const folder = join(directory.path, 'work');
  await mkdir(folder);

  const examples = [...PAGE.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, text]) => text ?? '');
  assert.ok(examples.length >= 5);
  // Here the server has another port, and the command line is started by its file.
  const cli = [process.execPath, ...nodeArgs('src/cli/main.ts')].map((word) => `'${word}'`).join(' ');
  const npx = `npx() { [ "$1" = clipbook ] || exit 99; shift; ${cli} "$@"; }`;
  const script = ['set -e', npx, ...examples].join('\n').replaceAll('http://127.0.0.1:3000', server.url);
  const shell = spawn('bash', ['-c', script], {
    cwd: folder,
    env: { ...process.env, CLIPBOOK_URL: server.url, CLIPBOOK_TOKEN: '', CLIPBOOK_PASSWORD: ADMIN.password },
  });
  const { code, out, told } = await ended(shell);
  assert.equal(code, 0, `${out}\n${told}`);
  assert.match(
    out,
    /^1000 generated\n200000 generated\n2 added of 2, .*\nread from column 1, "code"\n\{"received":2,"added":2,.*\n201004 written to /m,
  );
  assert.equal(out.match(/^\d+ shards with \d+ codes agree\.$/gm)?.length, 3);
  const exported = await readFile(join(folder, 'codes-of-summer.csv'), 'utf8');
  assert.equal(exported.match(/^SUMMER-[0-9A-Z]{12},available,/gm)?.length, 200_000);
  assert.match(out, /redeemedAt\r\n(?:.+,available,.*\r\n){2}$/);
});
