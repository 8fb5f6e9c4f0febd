/**
 * docs/production.md: what it says was run, and is run again here as far as a machine need not be
 * changed for it.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { PAGE, ROOT, walkInFolder } from '../../scripts/walk/in-folder.js';
import { blocksOf, movedTo, wholeScript } from '../../scripts/walk/walk.js';
import { freePort } from '../../src/compose/port-check.js';
import { EXIT_CODES, exitCodesTable } from '../../src/platform/exit-codes.js';

const page = readFileSync(join(ROOT, PAGE), 'utf8');
const unit = readFileSync(join(ROOT, 'deploy/systemd/clipbook.service'), 'utf8');

test('the commands of docs/production.md lead from a clone to the first redemption through nginx and TLS', async () => {
  const ports = {
    http: await freePort('127.0.0.1'),
    tls: await freePort('127.0.0.1'),
    plain: await freePort('127.0.0.1'),
  };
  const { code, output } = await walkInFolder(ports, () => undefined);
  assert.equal(code, 0, output);
  assert.match(output, /^created ada@shop\.example with the role admin$/m);
  assert.match(
    output,
    /"code":"FIRST-0001","userId":"customer-1","redemptionId":"[\w-]+","redeemedAt":"[^"]+","redemptionCount":1/,
  );
  assert.match(output, /== done\n$/);
});

test('the walk runs every block of the page that is one of commands, and ends at the first command that fails', () => {
  const blocks = blocksOf(
    '# A\n```sh\nfalse\n```\n<!-- walk: the full form goes on from here -->\n```json\n{}\n```\n<!-- walk: fresh -->\n```sh\na\nb\n```\n',
  );
  assert.deepEqual(blocks, [
    { line: 3, text: 'false\n', begins: null, isShort: true },
    { line: 11, text: 'a\nb\n', begins: 'fresh', isShort: false },
  ]);
  assert.match(wholeScript(blocks), /^set -euo pipefail\necho '== line 3'\nfalse\n/);
  assert.throws(() => blocksOf('```sh\nno end\n'), /a block that begins in line 2 does not end/);
  const all = blocksOf(page);
  assert.ok(all.filter(({ isShort }) => isShort).length >= 6 && all.filter(({ isShort }) => !isShort).length >= 10);
});

test('what is moved into a folder is each path and port that the page and its files name, and nothing else', () => {
  const ports = { http: 1, tls: 2, plain: 3 };
  const moved = (text: string): string => movedTo('/r', ports, text);
  assert.equal(moved('cp /opt/clipbook/a /etc/clipbook'), 'cp /r/opt/clipbook/a /r/etc/clipbook');
  assert.equal(moved('DATA_DIR=/var/lib/clipbook\nPORT=3000'), 'DATA_DIR=/r/var/lib/clipbook\nPORT=1');
  assert.equal(
    moved('listen [::]:443 ssl; listen 80; server 127.0.0.1:3000;'),
    'listen [::]:2 ssl; listen 3; server 127.0.0.1:1;',
  );
  assert.equal(moved('http://x/opt/clipbook /var/lib/clipbooks'), 'http://x/opt/clipbook /var/lib/clipbooks');
});

test('every file of this repository that the page installs or links is there', () => {
  const named = [...page.matchAll(/(?<=[\s(`])(?:deploy|scripts)\/[\w./-]+\w/g)].map(([path]) => path);
  const linked = [...page.matchAll(/\]\(([\w./-]+\.md)/g)].map(([, path]) => `docs/${path}`);
  assert.ok(named.length >= 5 && linked.length >= 2);
  for (const path of [...named, ...linked]) assert.ok(existsSync(join(ROOT, path)), path);
});

test('the unit runs the server as its own user, lets it drain, and gives it what the page says', () => {
  for (const line of [
    'User=clipbook',
    'EnvironmentFile=/etc/clipbook/environment',
    'ExecStart=/usr/bin/node dist/src/main.js',
    'KillMode=mixed',
    'NoNewPrivileges=yes',
    'ProtectSystem=strict',
  ])
    assert.ok(unit.split('\n').includes(line), line);
  // V8 writes machine code at run time: with it, Node does not start.
  assert.doesNotMatch(unit, /^MemoryDenyWriteExecute=/m);
  assert.doesNotMatch(unit, /^Environment=.*SECRET/m);
});

test('docs/configuration.md holds the exit codes that the source declares, and the unit does not restart after them', () => {
  assert.ok(readFileSync(join(ROOT, 'docs/configuration.md'), 'utf8').includes(`\n${exitCodesTable()}\n`));
  const codes = Object.values(EXIT_CODES).filter((code) => code >= 20);
  assert.match(unit, new RegExp(`^RestartPreventExitStatus=${codes.join(' ')}$`, 'm'));
});
