/** docs/architecture.md names files, functions and imports, and shows code. All must be true. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findBreaches } from '../../scripts/import-rules.js';
import { applyExample } from './page-example.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/architecture.md'), 'utf8');
const PROSE = PAGE.replaceAll(/^```[\s\S]*?^```$/gm, '');

/** A path, and after a colon the names that the file defines. */
const NAMED = /`((?:src|workers|scripts|test|sql|docs)(?:\/[\w.-]+)+)\/?`(?::\s+((?:`\w+`(?:,\s+)?)+))?/g;
const EXAMPLE_NEEDS = [
  'src',
  'scripts',
  'test',
  'load',
  'web',
  'package.json',
  'tsconfig.json',
  'biome.json',
  '.gitignore',
];

/** Tests that have something for every record. */
const KNOW_RECORDS = ['test/records', 'test/features', 'test/simulator', 'test/http'];

describe('the page on the architecture', () => {
  it('names files that exist', () => {
    const paths = [...PROSE.matchAll(NAMED)].map(([, path = '']) => path);
    assert.ok(paths.length > 60, 'the names are read');
    for (const path of paths) assert.ok(existsSync(join(ROOT, path)), path);
    for (const [, link = ''] of PROSE.matchAll(/\]\(([\w./-]+\.md)(?:#[\w-]+)?\)/g))
      assert.ok(existsSync(join(ROOT, 'docs', link)), link);
  });

  it('names functions, classes and types that their files define', () => {
    let count = 0;
    for (const [, path = '', names = ''] of PROSE.matchAll(NAMED)) {
      for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) {
        assert.ok(defines(readFileSync(join(ROOT, path), 'utf8'), name), `${path} does not define ${name}`);
        count++;
      }
    }
    assert.ok(count > 70, 'the names are read');
  });

  it('names scripts of package.json', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: object };
    for (const [, name = ''] of PROSE.matchAll(/`npm run ([\w:]+)`/g)) assert.ok(name in scripts, name);
  });

  it('says for each layer what scripts/import-rules.ts allows', () => {
    const rows = [...PROSE.matchAll(/^\| `(src(?:\/\w+){0,2})` \|[^|]*\|([^|]*)\|$/gm)];
    const layers = rows.map(([, layer = '']) => layer);
    assert.ok(layers.length >= 10, 'the table is read');
    for (const [index, [, layer = '', said = '']] of rows.entries()) {
      const named = [...said.matchAll(/`([^`]+)`/g)].map(([, other = '']) => other);
      const above = layers.slice(0, index);
      const expected = said.includes('all of the above') ? above.filter((other) => !named.includes(other)) : named;
      const allowed = layers.filter((other) => other !== layer && mayImport(layer, other));
      assert.deepEqual(allowed.sort(), expected.sort(), layer);
    }
  });
});

describe('the example of a new command', () => {
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-example-'));
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('is one file and its test: all compiles with the generated code, and the tests of records know it', () => {
    const { files } = applyExample(PAGE, ROOT, directory, EXAMPLE_NEEDS);
    assert.deepEqual([...files].sort(), ['src/features/coupons/extend-lock.ts', 'test/features/extend-lock.test.ts']);
    run('--import', 'tsx', 'scripts/generate.ts');
    writeFileSync(
      join(directory, 'tsconfig.example.json'),
      JSON.stringify({ extends: './tsconfig.json', include: [...files, 'src/**/*.generated.ts', ...KNOW_RECORDS] }),
    );
    run('node_modules/typescript/bin/tsc', '-p', 'tsconfig.example.json');
    run('--import', 'tsx', 'test/records/write-golden.ts');
    run('--import', 'tsx', '--test', 'test/features/extend-lock.test.ts', 'test/records/golden.test.ts');
  });

  function run(...args: readonly string[]): void {
    // Without it, a test run within a test run reports to the outer one.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: directory, env, encoding: 'utf8' });
    assert.equal(status, 0, `${args.join(' ')}\n${stdout}\n${stderr}`);
  }
});

function defines(source: string, name: string): boolean {
  const declared = String.raw`\b(?:function\*?|class|const|interface|type)\s+${name}\b`;
  const modifiers = String.raw`^\s+(?:(?:private|protected|override|readonly|async)\s+)*`;
  const method = String.raw`${modifiers}${name}\(.*\{$`;
  const arrow = String.raw`${modifiers}${name}\s*[:=]\s*(?:async\s*)?\(.*=>`;
  return new RegExp(`${declared}|${method}|${arrow}`, 'm').test(source);
}

function mayImport(layer: string, other: string): boolean {
  const depth = '../'.repeat(layer.split('/').length);
  const files = new Map([
    [`${layer}/importer.ts`, `import { it } from '${depth}${other}/imported.js';\nit();\n`],
    [`${other}/imported.ts`, 'export const it = () => 1;\n'],
  ]);
  return !findBreaches(files).some((breach) => /must not import|may import its types only/.test(breach));
}
