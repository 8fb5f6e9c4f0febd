import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import semver from 'semver';

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly engines?: { readonly node?: string };
}

const { packages } = JSON.parse(readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8')) as {
  readonly packages: Readonly<Record<string, Locked>>;
};
const locked = Object.entries(packages).filter(([path]) => path !== '');

/** One commit of a repository, as npm writes it for a dependency on GitHub. */
const COMMIT = /^git\+ssh:\/\/git@github\.com\/[^#]+#[0-9a-f]{40}$/;
const NODES = ['20.19.0', '22.12.0', '24.0.0'];

test('every locked package has the hash of what is meant, or names one commit', () => {
  const without = locked.filter(
    ([, { integrity, resolved }]) => integrity === undefined && !COMMIT.test(resolved ?? ''),
  );
  assert.deepEqual(
    without.map(([path]) => path),
    [],
  );
  for (const [path, { integrity }] of locked)
    if (integrity !== undefined) assert.match(integrity, /^sha512-[A-Za-z0-9+/]{86}==$/, path);
});

test('no locked package names the registry that it came from, so that any mirror serves the same file', () => {
  const naming = locked.filter(([, { resolved }]) => resolved !== undefined && !COMMIT.test(resolved));
  assert.deepEqual(
    naming.map(([path]) => path),
    [],
  );
});

test('every locked package accepts every Node that Clipbook runs on, so that `npm ci` has nothing to warn of', () => {
  for (const [path, { engines }] of locked)
    for (const node of NODES)
      assert.ok(semver.satisfies(node, engines?.node ?? '*'), `${path} wants Node ${engines?.node}, not ${node}`);
});
