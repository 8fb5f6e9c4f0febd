import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bindingHere,
  bindingRefusal,
  bindingRefusalHere,
  chooseBinding,
  type Files,
  INSTALLED,
  type Machine,
} from '../../src/platform/uws-binding.js';

const DEBIAN_12 = { platform: 'linux', arch: 'x64', glibc: '2.36' };
const DEBIAN_13 = { ...DEBIAN_12, glibc: '2.41' };
const NODE_20 = { abi: '115', nodeVersion: '20.20.2' };
const NODE_22 = { abi: '127', nodeVersion: '22.20.0' };
const NODE_24 = { abi: '137', nodeVersion: '24.21.0' };
const NODE_26 = { abi: '147', nodeVersion: '26.0.0' };

const CHOICES: readonly (readonly [name: string, machine: Machine, chosen: string | null])[] = [
  ['Node 20 on Debian 12', { ...DEBIAN_12, ...NODE_20 }, 'uWebSockets.js'],
  ['Node 22 on Debian 12', { ...DEBIAN_12, ...NODE_22 }, 'uWebSockets.js'],
  ['Node 22 on Debian 13', { ...DEBIAN_13, ...NODE_22 }, 'uWebSockets.js'],
  ['Node 24 on Debian 13', { ...DEBIAN_13, ...NODE_24 }, '@btc-vision/uwebsockets.js'],
  ['Node 24 on macOS', { platform: 'darwin', arch: 'arm64', glibc: null, ...NODE_24 }, '@btc-vision/uwebsockets.js'],
  ['Node 22 on Windows', { platform: 'win32', arch: 'x64', glibc: null, ...NODE_22 }, 'uWebSockets.js'],
  ['Node 26', { ...DEBIAN_13, ...NODE_26 }, null],
];

for (const [name, machine, chosen] of CHOICES) {
  test(`${name} gets ${chosen ?? 'no binary'} of the installed packages`, () => {
    assert.equal(chooseBinding(machine, INSTALLED)?.package ?? null, chosen);
    assert.equal(bindingRefusal(machine, INSTALLED) === null, chosen !== null);
  });
}

test('Node 24 on Debian 12 is refused in one line that names the C library and what to do', () => {
  assert.equal(
    bindingRefusal({ ...DEBIAN_12, ...NODE_24 }, INSTALLED),
    'uWebSockets.js for Node 24.21.0 needs glibc 2.38 or later, and this system has 2.36: use Node 22 (or 20), or a newer system such as Debian 13 or Ubuntu 24.04',
  );
});

test('a Linux without glibc is refused in one line', () => {
  assert.match(
    bindingRefusal({ ...DEBIAN_12, ...NODE_22, glibc: null }, INSTALLED) ?? '',
    /^uWebSockets\.js needs glibc 2\.\d+ or later, and this Linux has another C library: [^\n]+$/,
  );
});

test('a Node without any binary is refused in one line that names the file', () => {
  assert.match(
    bindingRefusal({ ...DEBIAN_13, ...NODE_26 }, INSTALLED) ?? '',
    /^uWebSockets\.js has no binary for Node 26\.0\.0 on linux x64 \(uws_linux_x64_147\.node\): [^\n]+$/,
  );
});

test("upstream's release in the place of the first package is taken for every Node that it has", () => {
  const upstream: Files = {
    binaryOf: (name, file) => (name === 'uWebSockets.js' ? `/upstream/${file}` : INSTALLED.binaryOf(name, file)),
    glibcNeededBy: () => '2.38',
  };
  const machine = { ...DEBIAN_13, ...NODE_24 };
  assert.deepEqual(chooseBinding(machine, upstream), {
    package: 'uWebSockets.js',
    binary: '/upstream/uws_linux_x64_137.node',
  });
  assert.equal(bindingRefusal(machine, upstream), null);
  assert.match(bindingRefusal({ ...machine, glibc: '2.36' }, upstream) ?? '', /needs glibc 2\.38/);
});

test('this process loads what was chosen for it', async () => {
  assert.equal(bindingRefusalHere(), null);
  assert.ok(bindingHere().binary.endsWith(`_${process.versions.modules}.node`));
  const { App } = await import('../../src/platform/uws.js');
  assert.equal(typeof App, 'function');
});
