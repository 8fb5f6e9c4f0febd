import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blankOut, importsOf } from '../../scripts/source-text.js';

test('every form of import is found with its line and whether anything of it runs', () => {
  const source = [
    `import 'a';`,
    `import b, { type B } from "b";`,
    `import type { C } from 'c';`,
    `import { type D, type E } from 'd';`,
    `import {`,
    `  f,`,
    `  type G,`,
    `} from 'f';`,
    `export * from 'g';`,
    `export type { H } from 'h';`,
    `const i = await import('i');`,
    `type J = import('j').J;`,
    `import type, { K } from 'k';`,
    `import * as l from 'l';`,
  ].join('\n');
  assert.deepEqual(
    importsOf(source).map(({ specifier, line, typeOnly }) => `${line} ${specifier}${typeOnly ? ' type' : ''}`),
    ['1 a', '2 b', '3 c type', '4 d type', '8 f', '9 g', '10 h type', '11 i', '12 j', '13 k', '14 l'],
  );
});

test('text that only looks like an import is ignored', () => {
  const source = [
    `// import 'a';`,
    `/* import b from 'b'; */`,
    `const c = "import c from 'c'";`,
    "const d = `import d from 'd'; ${'import e'} export * from 'e'`;",
    `const f = /import 'f'/;`,
    `export const g = 'g';`,
    `export interface H { readonly from: 'h' }`,
    `export function i(from: 'i') { return from; }`,
  ].join('\n');
  assert.deepEqual(importsOf(source), []);
});

test('an import after a quote in a regular expression or a template is still found', () => {
  const source = "const a = text.replace(/['\"`]/g, x / 2 / 3);\nconst b = `${`}${{ c: '}' }.c}`}'`;\nimport 'd';\n";
  assert.deepEqual(importsOf(source), [{ specifier: 'd', line: 3, typeOnly: false }]);
});

test('blanking out keeps length and lines, and leaves the code', () => {
  const source = "a = /* b\nc */ 'd\\'e' + `f${g}h\n` + i;\nj = /k[/]/; // l\nm";
  const blanked = blankOut(source);
  assert.equal(blanked.length, source.length);
  assert.deepEqual(
    blanked.split('\n').map((line) => line.replace(/ +/g, ' ').trim()),
    ['a =', "' ' + ` ${g}", '` + i;', 'j = / /;', 'm'],
  );
});
