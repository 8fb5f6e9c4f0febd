import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import semver from 'semver';
import nodeVersion from '../../src/platform/node-version.cjs';
import { build } from '../support/build.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PRETEND = fileURLToPath(new URL('../support/pretend-node.cjs', import.meta.url));

/** Runs Node with another version in `process.versions.node`. */
function pretending(version: string, args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--require', PRETEND, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    env: { ...process.env, TEST_NODE_VERSION: version, NODE_TEST_CONTEXT: undefined },
  });
  return { status, stdout, stderr };
}

const VERSIONS: readonly (readonly [version: string, fits: boolean])[] = [
  ['14.21.3', false],
  ['18.20.8', false],
  ['20.18.1', false],
  ['20.19.0', true],
  ['20.20.2', true],
  ['21.7.3', false],
  ['22.11.0', false],
  ['22.12.0', true],
  ['22.20.0', true],
  ['23.11.1', false],
  ['24.0.0', true],
  ['24.21.0', true],
  ['25.9.0', false],
];

for (const [version, fits] of VERSIONS) {
  test(`Node ${version} is ${fits ? 'accepted' : 'refused'}, and \`engines\` says the same`, () => {
    assert.equal(nodeVersion.refusalOf(version) === null, fits);
    const { engines } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { engines: { node: string } };
    assert.equal(semver.satisfies(version, engines.node), fits);
  });
}

test('on a Node that does not fit, the server, the command line and the tests print one line and end with 1', (t) => {
  const built = build();
  t.after(built.remove);
  const line =
    'Clipbook does not run on Node 23.1.0. It runs on Node 20 (20.19 or later), 22 (22.12 or later) and 24: install one of them, for example Node 22 from https://nodejs.org\n';
  const entries = [
    'src/platform/node-version.cjs',
    `${built.path}/dist/src/main.js`,
    `${built.path}/dist/src/cli/bin.js`,
  ];
  for (const entry of entries)
    assert.deepEqual(pretending('23.1.0', [entry]), { status: 1, stdout: '', stderr: line }, entry);
});

test('the command line is run by Node where a shell starts it by its name', (t) => {
  const built = build();
  t.after(built.remove);
  assert.match(readFileSync(`${built.path}/dist/src/cli/bin.js`, 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('the version is checked before anything is compiled or loaded', () => {
  const { scripts, bin } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as {
    scripts: Record<string, string>;
    bin: Record<string, string>;
  };
  for (const name of ['start', 'dev', 'test'])
    assert.match(scripts[name] ?? '', /^node src\/platform\/node-version\.cjs && /, name);
  assert.deepEqual(bin, { clipbook: 'bin/clipbook.js' });
  const text = readFileSync(`${ROOT}/bin/clipbook.js`, 'utf8');
  const [asks, compiles] = [text.indexOf('exitUnlessSupported()'), text.indexOf('build();')];
  assert.ok(asks > 0 && asks < compiles);
});

test('`npm start` hands its place to the server, so that signals reach it', () => {
  const { scripts } = JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')) as { scripts: Record<string, string> };
  for (const name of ['start', 'dev', 'test']) assert.match(scripts[name] ?? '', / && exec node [^&|;]*$/, name);
});
