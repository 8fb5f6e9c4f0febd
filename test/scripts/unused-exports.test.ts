import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findUnusedExports } from '../../scripts/unused-exports.js';

function unused(files: Readonly<Record<string, string>>): string[] {
  return findUnusedExports(new Map(Object.entries(files)), (path) => path.startsWith('src/'));
}

test('an export that another file imports is used, under its own name or another', () => {
  for (const importer of [
    `import { a } from '../src/a.js';`,
    `import { type B, a as c } from '../src/a.js';`,
    `export { a } from '../src/a.js';`,
    `import * as all from '../src/a.js';`,
    `const all = await import('../src/a.js');`,
  ]) {
    assert.deepEqual(unused({ 'src/a.ts': 'export const a = 1;\n', 'test/b.ts': importer }), [], importer);
  }
});

test('a value that only its own file uses is named with its line', () => {
  const source = `// export const comment = 1;\nexport const a = 1;\nexport function b() {\n  return a;\n}\n`;
  assert.deepEqual(unused({ 'src/a.ts': source, 'src/c.ts': `import { b } from './a.js';\nb();\n` }), [
    'src/a.ts:2: nothing imports a',
  ]);
});

test('a type that its own file names need not be imported; one that nobody names is unused', () => {
  const source = `export interface Options {}\nexport type Lost = 1;\nexport function f(options: Options) {}\n`;
  assert.deepEqual(unused({ 'src/a.ts': source, 'src/b.ts': `import { f } from './a.js';\nf({});\n` }), [
    'src/a.ts:2: nothing imports Lost',
  ]);
});

test('names in an export list count as exports', () => {
  assert.deepEqual(
    unused({ 'src/a.ts': `import type { A, B } from './b.js';\nexport type { A, B };\n`, 'src/b.ts': '' }),
    ['src/a.ts:2: nothing imports A', 'src/a.ts:2: nothing imports B'],
  );
});

test('a record that a file declares is taken by the generator, so nothing need import it', () => {
  const source = `export const done = event('done', 1, {});\nexport const other = eventOf('other');\n`;
  assert.deepEqual(unused({ 'src/a.ts': source }), ['src/a.ts:2: nothing imports other']);
});
