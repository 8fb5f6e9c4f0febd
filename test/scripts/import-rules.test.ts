import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findBreaches } from '../../scripts/import-rules.js';

/** A tree that keeps all rules; each case puts files in or over it. */
const SOUND: Readonly<Record<string, string>> = {
  'src/main.ts': `import { serve } from './compose/serve.js';\nserve();\n`,
  'src/compose/serve.ts': [
    `import { route } from '../http/routes.js';`,
    `import { createClock } from './clock.js';`,
    `export const serve = () => route(createClock());`,
  ].join('\n'),
  'src/compose/clock.ts': `export const createClock = () => Date.now;\n`,
  'src/domain/book.ts': `// Date and Promise are words here.\nexport const book = 'Promise';\n`,
  'src/domain/decide.ts': `import { book } from './book.js';\nexport const decide = () => book;\n`,
  'src/codes/pattern.ts': `import { createHmac } from 'node:crypto';\nexport const pattern = createHmac;\n`,
  'src/journal/journal.ts': `import { book } from '../domain/book.js';\nexport const journal = book;\n`,
  'src/postgres/store.ts': `import { book } from '../domain/book.js';\nexport const store = book;\n`,
  'src/feed/feed.ts': `import { journal } from '../journal/journal.js';\nexport const feed = journal;\n`,
  'src/shard/actor.ts': [
    `import { decide } from '../domain/decide.js';`,
    `import { feed } from '../feed/feed.js';`,
    `import { journal } from '../journal/journal.js';`,
    `import { store } from '../postgres/store.js';`,
    `export const act = () => [decide, feed, journal, store];`,
  ].join('\n'),
  'src/control/jobs.ts': [
    `import { act } from '../shard/actor.js';`,
    `import { pattern } from '../codes/pattern.js';`,
    `export const jobs = () => [act, pattern];`,
  ].join('\n'),
  'src/http/routes.ts': [
    `import type { createClock } from '../compose/clock.js';`,
    `import { jobs } from '../control/jobs.js';`,
    `export const route = (clock: ReturnType<typeof createClock>) => [jobs, clock];`,
  ].join('\n'),
  'workers/shard.ts': `import { act } from '../src/shard/actor.js';\nact();\n`,
  'test/actor.test.ts': `import { act } from '../src/shard/actor.js';\nact();\n`,
};

function breaches(changes: Readonly<Record<string, string>> = {}): string[] {
  return findBreaches(new Map(Object.entries({ ...SOUND, ...changes })));
}

test('a tree that keeps the rules has no breach', () => {
  assert.deepEqual(breaches(), []);
});

const POINTING_UP: readonly (readonly [path: string, specifier: string, target: string])[] = [
  ['src/domain/decide.ts', '../shard/actor.js', 'src/shard'],
  ['src/domain/decide.ts', '../codes/pattern.js', 'src/codes'],
  ['src/domain/decide.ts', '../compose/clock.js', 'src/compose'],
  ['src/codes/pattern.ts', '../domain/book.js', 'src/domain'],
  ['src/journal/journal.ts', '../postgres/store.js', 'src/postgres'],
  ['src/journal/journal.ts', '../shard/actor.js', 'src/shard'],
  ['src/journal/journal.ts', '../feed/feed.js', 'src/feed'],
  ['src/feed/feed.ts', '../shard/actor.js', 'src/shard'],
  ['src/feed/feed.ts', '../postgres/store.js', 'src/postgres'],
  ['src/postgres/store.ts', '../journal/journal.js', 'src/journal'],
  ['src/shard/actor.ts', '../http/routes.js', 'src/http'],
  ['src/shard/actor.ts', '../control/jobs.js', 'src/control'],
  ['src/http/routes.ts', '../journal/journal.js', 'src/journal'],
  ['src/http/routes.ts', '../shard/actor.js', 'src/shard'],
  ['src/http/routes.ts', '../postgres/store.js', 'src/postgres'],
  ['load/bench.ts', '../src/domain/book.js', 'src/domain'],
  ['src/client/live.ts', '../domain/book.js', 'src/domain'],
  ['web/admin.ts', '../src/domain/book.js', 'src/domain'],
  ['src/shard/actor.ts', '../../workers/shard.js', 'workers'],
  ['src/shard/actor.ts', '../../test/actor.test.js', 'test'],
];

for (const [path, specifier, part] of POINTING_UP) {
  for (const [how, text] of [
    ['import', `import { x } from '${specifier}';\nx();\n`],
    ['type import', `import type { X } from '${specifier}';\nexport type Y = X;\n`],
    ['re-export', `export * from '${specifier}';\n`],
    ['dynamic import', `export const x = () => import('${specifier}');\n`],
  ] as const) {
    test(`${path} may not reach ${part} by ${how}`, () => {
      const found = breaches({ [path]: text }).filter((line) => line.startsWith(`${path}:1: `));
      assert.ok(
        found.some((line) => line.includes(` must not import ${part} (`)),
        found.join('\n'),
      );
    });
  }
}

test('a part may import the types of what main passes down, but not the values', () => {
  const path = 'src/shard/extra.ts';
  const entry = { 'workers/extra.ts': `import { t } from '../src/shard/extra.js';\nt();\n` };
  const refused = [`${path}:1: src/compose/clock.ts is handed down; src/shard may import its types only`];
  assert.deepEqual(
    breaches({ ...entry, [path]: `import { type createClock as T } from '../compose/clock.js';\n` }),
    [],
  );
  assert.deepEqual(breaches({ ...entry, [path]: `import { createClock } from '../compose/clock.js';\n` }), refused);
  assert.deepEqual(
    breaches({ ...entry, [path]: `import { type A, createClock } from '../compose/clock.js';\n` }),
    refused,
  );
  assert.deepEqual(breaches({ ...entry, [path]: `import '../compose/clock.js';\n` }), refused);
});

test('a folder may be allowed a single file of another', () => {
  const memory = { 'src/platform/uncounted-memory.ts': 'export const memory = 1;\n' };
  const table = (file: string) => ({
    'src/tables/rows.ts': `import { memory } from '../platform/${file}.js';\nexport const rows = memory;\n`,
    'test/rows.test.ts': `import { rows } from '../src/tables/rows.js';\nrows;\n`,
  });
  assert.deepEqual(breaches({ ...memory, ...table('uncounted-memory') }), []);
  assert.deepEqual(breaches({ 'src/platform/timers.ts': 'export const memory = 1;\n', ...table('timers') }), [
    'src/tables/rows.ts:1: src/tables must not import src/platform (src/platform/timers.ts)',
  ]);
});

test('nothing imports main', () => {
  assert.deepEqual(breaches({ 'workers/shard.ts': `import '../src/main.js';\n` }), [
    'workers/shard.ts:1: nothing imports src/main.ts',
  ]);
});

test('an import cycle is named with all of its files', () => {
  assert.deepEqual(
    breaches({
      'src/domain/book.ts': `import type { C } from './pool.js';\nexport const book: C = 1;\n`,
      'src/domain/pool.ts': `import { decide } from './decide.js';\nexport type C = typeof decide;\n`,
    }),
    [
      'src/domain/decide.ts:1: imports in a circle: src/domain/decide.ts -> src/domain/book.ts -> src/domain/pool.ts -> src/domain/decide.ts',
    ],
  );
});

test('a file that nothing reaches is refused, and so is one that only such a file reaches', () => {
  assert.deepEqual(
    breaches({
      'src/shard/old.ts': `import { helper } from './old-helper.js';\nhelper();\n`,
      'src/shard/old-helper.ts': `export const helper = () => 1;\n`,
    }),
    ['src/shard/old-helper.ts:1: nothing reaches this file', 'src/shard/old.ts:1: nothing reaches this file'],
  );
});

test('a file of more than 525 lines is refused, unless it is generated', () => {
  const long = `export const book = 1;\n${'// more\n'.repeat(525)}`;
  assert.deepEqual(breaches({ 'src/domain/book.ts': long }), ['src/domain/book.ts:525: 526 lines, at most 525']);
  assert.deepEqual(breaches({ 'src/domain/book.ts': long.replace('// more\n', '') }), []);
  const generated = { 'src/domain/all.generated.ts': long.replace('book', 'all') };
  const importer = `import { all } from './all.generated.js';\nexport const book = all;\n`;
  assert.deepEqual(breaches({ ...generated, 'src/domain/book.ts': importer }), []);
});

test('an import of a file that is not there is refused', () => {
  assert.deepEqual(breaches({ 'workers/shard.ts': `\nimport { x } from '../src/gone.js';\nx();\n` }), [
    'workers/shard.ts:2: there is no ../src/gone.js',
  ]);
});

const IMPURE: readonly (readonly [source: string, what: string])[] = [
  ['export const now = () => Date.now();', 'Date'],
  ['export const at = new Date(0);', 'Date'],
  ['export const die = () => Math.random();', 'Math.random'],
  ['export const now = () => performance.now();', 'performance'],
  ['export const home = process.env;', 'process'],
  ['setTimeout(() => 1, 1);', 'setTimeout'],
  ['export type Later = Promise<void>;', 'Promise'],
  ['export const later = async () => 1;', 'async'],
  ['export const text = `${Date.now()}`;', 'Date'],
  ['export const g = globalThis;', 'globalThis'],
];

for (const [source, what] of IMPURE) {
  test(`the domain may not say: ${source}`, () => {
    const found = breaches({ 'src/domain/book.ts': `// First line.\n${source}\n` });
    assert.equal(found[0], `src/domain/book.ts:2: the domain is pure and synchronous, here ${what}`);
  });
}

for (const specifier of ['node:crypto', 'crypto', 'zod']) {
  test(`the domain may not import ${specifier}`, () => {
    assert.deepEqual(breaches({ 'src/domain/book.ts': `import x from '${specifier}';\nexport const book = x;\n` }), [
      `src/domain/book.ts:1: the domain imports nothing from outside, here ${specifier}`,
    ]);
  });
}

test('the client for browsers imports no package', () => {
  const client = `import { WebSocket } from 'ws';\nexport const Socket = WebSocket;\n`;
  assert.deepEqual(breaches({ 'src/client/live.ts': client }), [
    'src/client/live.ts:1: src/client imports nothing from outside, here ws',
  ]);
});

test('fields and longer names that contain such a word are no breach', () => {
  assert.deepEqual(
    breaches({
      'src/domain/book.ts': 'export const book = (row: { process: number; startDate: 1 }) => row.process;\n',
    }),
    [],
  );
});
