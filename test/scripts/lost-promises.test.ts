import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

/**
 * The linter as it is configured, on ways to lose a promise, among them those whose type is known
 * only from another file or from a package: the ones that a linter without the compiler's types
 * lets through.
 */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'clipbook-lint-'));
after(() => rmSync(project, { recursive: true }));

const HEAD = `import { readFile } from 'node:fs/promises';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import pg from 'pg';
import { inferred } from './other.js';
interface Store { save(x: number): Promise<void>; load: () => Promise<number> }
async function local(): Promise<void> {}
declare const store: Store, client: pg.Client, emitter: EventEmitter, list: number[], either: () => void | Promise<void>;
`;
const OTHER = 'export const inferred = () => new Promise<number>((done) => done(1)).then((x) => x + 1);\n';

const LOST = [
  'local();',
  'store.save(1);',
  '(null as Store | null)?.save(1);',
  'const { load } = store; load();',
  'inferred();',
  'either();',
  'Promise.all([store.save(1)]);',
  'store.load().then(() => 1);',
  "readFile('x');",
  "client.query('select 1');",
  'list.forEach(async (x) => { await store.save(x); });',
  "emitter.on('x', async () => { await local(); });",
  'const callback: () => void = async () => { await local(); }; callback();',
  'if (store.load()) local;',
];

const KEPT = [
  'await local();',
  'void local();',
  'store.save(1).catch(() => 1);',
  'await Promise.all(list.map((x) => store.save(x)));',
  "emitter.on('x', () => { void local(); });",
  "test('a test is awaited by its runner', async () => { await local(); });",
];

mkdirSync(join(project, 'src'));
for (const file of ['tsconfig.json', '.oxlintrc.json']) cpSync(join(ROOT, file), join(project, file));
symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
writeFileSync(join(project, 'src/other.ts'), OTHER);
const fileOf = (kind: string, index: number) => `src/${kind}-${index}.ts`;
for (const [index, line] of LOST.entries()) writeFileSync(join(project, fileOf('lost', index)), HEAD + line);
for (const [index, line] of KEPT.entries()) writeFileSync(join(project, fileOf('kept', index)), HEAD + line);

const { stdout, stderr } = spawnSync(
  process.execPath,
  [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '--type-aware', '--format=unix', 'src'],
  { cwd: project, encoding: 'utf8' },
);
const complaintsAt = (file: string) => stdout.split('\n').filter((line) => line.startsWith(`${file}:`));

for (const [index, line] of LOST.entries()) {
  test(`the linter refuses: ${line}`, () => {
    const [complaint = '', ...more] = complaintsAt(fileOf('lost', index));
    assert.match(complaint, /\[Error\/typescript\(no-(?:floating|misused)-promises\)\]$/, stdout + stderr);
    assert.deepEqual(more, []);
  });
}

for (const [index, line] of KEPT.entries()) {
  test(`the linter accepts: ${line}`, () => {
    assert.deepEqual(complaintsAt(fileOf('kept', index)), []);
  });
}
