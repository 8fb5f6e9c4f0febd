/** docs/checkout.md: its commands run against a real server, and print what the page says. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ended } from '../support/cli.js';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/checkout.md', import.meta.url)), 'utf8');
const STEP = /```sh\n([\s\S]*?)```\n(?:\n```json\n([\s\S]*?)```)?/g;

/** Times differ from run to run. */
const comparable = (text: string): string => text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>');

test('the commands of docs/checkout.md print what the page says', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(() => directory.remove());
  const server = await startServer(join(directory.path, 'data'));
  undo(() => server.stop());
  const folder = join(directory.path, 'work');
  await mkdir(folder);

  const steps = [...PAGE.matchAll(STEP)].map(([, commands = '', printed = '']) => ({ commands, printed }));
  assert.ok(steps.filter(({ printed }) => printed !== '').length >= 10);
  const script = ['set -euo pipefail', ...steps.map(({ commands }) => `${commands}echo '== next'`)].join('\n');
  const shell = spawn('bash', ['-c', script.replaceAll('http://127.0.0.1:3000', server.url)], { cwd: folder });
  const { code, out, told } = await ended(shell);
  assert.equal(code, 0, `${out}\n${told}`);
  const printed = out.split('== next\n');
  for (const [at, step] of steps.entries())
    assert.equal(comparable(printed[at] ?? ''), comparable(step.printed), step.commands);
});
