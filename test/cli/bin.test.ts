/** bin/clipbook.js in a fresh checkout: dist is not committed, so the first use makes it. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ended } from '../support/cli.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMITTED = ['bin', 'src', 'workers', 'scripts', 'load', 'package.json', 'tsconfig.json', 'tsconfig.build.json'];
const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

let checkout = '';

beforeEach(() => {
  checkout = mkdtempSync(join(tmpdir(), 'clipbook-checkout-'));
  for (const name of COMMITTED) {
    cpSync(join(ROOT, name), join(checkout, name), {
      recursive: true,
      filter: (path) => !path.startsWith(join(ROOT, 'load/results')),
    });
  }
  symlinkSync(join(ROOT, 'node_modules'), join(checkout, 'node_modules'));
});
afterEach(() => rmSync(checkout, { recursive: true }));

const bin = () => join(checkout, 'bin/clipbook.js');
const version = () => spawnSync(process.execPath, [bin(), '--version'], { encoding: 'utf8' });
const entry = () => join(checkout, 'dist/src/cli/main.js');
const folders = () => readdirSync(checkout).filter((name) => name.startsWith('dist'));

test('npx clipbook works in a fresh checkout, and passes the exit code on', () => {
  // A cache of its own, so that nothing is left in the user's.
  const env = { ...process.env, npm_config_cache: join(checkout, 'cache'), CLIPBOOK_TOKEN: '', CLIPBOOK_EMAIL: '' };
  const npx = (...args: string[]) => spawnSync('npx', ['clipbook', ...args], { cwd: checkout, env, encoding: 'utf8' });
  const { status, stdout, stderr } = npx('--version');
  assert.equal(status, 0, stderr);
  assert.equal(stdout, `${VERSION}\n`);
  assert.equal(npx('verify').status, 2);
});

test('two concurrent first uses both work, and leave one dist', async () => {
  const both = [1, 2].map(() => ended(spawn(process.execPath, [bin(), '--version'])));
  for (const { code, out, told } of await Promise.all(both))
    assert.deepEqual([code, out, told], [0, `${VERSION}\n`, '']);
  assert.deepEqual(folders(), ['dist']);
});

test('the build is used again until a source file is newer', () => {
  assert.equal(version().status, 0);
  const builtMs = statSync(entry()).mtimeMs;
  assert.equal(version().status, 0);
  assert.equal(statSync(entry()).mtimeMs, builtMs);
  const soon = new Date(builtMs + 1000);
  utimesSync(join(checkout, 'src/cli/main.ts'), soon, soon);
  const { status, stdout, stderr } = version();
  assert.deepEqual([status, stdout, stderr], [0, `${VERSION}\n`, '']);
  assert.notEqual(statSync(entry()).mtimeMs, builtMs);
  assert.deepEqual(folders(), ['dist']);
});

test('without the packages, one line says what to do', () => {
  rmSync(join(checkout, 'node_modules'));
  const { status, stdout, stderr } = version();
  assert.deepEqual([status, stdout], [70, '']);
  assert.equal(stderr, `error: the packages are not installed: run \`npm ci\` in ${checkout}\n`);
  assert.equal(existsSync(entry()), false);
});
