/**
 * The list of planted bugs must fit today's source, and its page must fit the list. The bugs
 * themselves: `npm run mutate`.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory, undoes } from '../support/server.js';
import { failuresIn } from './failures.js';
import { countIn, MUTANTS, placeOf } from './list.js';
import { rowOf, rowsOf, withRows } from './page.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
const NUMBERS = Array.from({ length: 25 }, (_, index) => `M${index + 1}`);
/** A template that is little more than its holes fits every name. */
const TEMPLATE_TEXT_MIN = 10;
const isTest = (place: string): boolean => place.endsWith('.test.ts');

test('every planted bug has its place exactly once in the source, and changes it', () => {
  for (const { id, edits } of MUTANTS) {
    assert.ok(edits.length > 0, `${id} changes nothing`);
    for (const edit of edits) {
      const where = `${id}: ${JSON.stringify(edit.find)} in ${edit.file}`;
      assert.equal(countIn(read(edit.file), edit), 1, where);
      assert.notEqual(edit.find, edit.put, where);
    }
  }
});

test('every planted bug names a check that exists', () => {
  const { scripts } = JSON.parse(read('package.json'));
  for (const { id, caughtBy } of MUTANTS) {
    assert.ok(caughtBy.length > 0, `${id} names no check`);
    for (const command of caughtBy) {
      const [, script] = /^npm (?:run )?(\S+)/.exec(command) ?? [];
      if (script !== undefined) assert.ok(script in scripts, `${id}: there is no ${command}`);
      if (isTest(placeOf(command))) assert.ok(existsSync(join(ROOT, placeOf(command))), `${id}: no ${command}`);
    }
  }
});

test('the list has every number once, and all of M1 to M25', () => {
  const ids = MUTANTS.map(({ id }) => id);
  assert.deepEqual(ids, [...new Set(ids)]);
  assert.deepEqual(
    NUMBERS.filter((id) => !ids.includes(id)),
    [],
  );
});

test('docs/mutants.md has a row for every planted bug, with its text, its checks and names of tests that exist', () => {
  const rows = rowsOf(read('docs/mutants.md'));
  assert.deepEqual(
    [...rows.keys()],
    MUTANTS.map(({ id }) => id),
  );
  for (const { id, bug, caughtBy } of MUTANTS) {
    const row = rows.get(id) ?? '';
    const fileOf = (part: string): string => /`([^`]+)`: /.exec(part)?.[1] ?? '';
    const parts = row.split('<br>');
    assert.ok(row.includes(`| ${bug} |`), `${id}: ${row}`);
    assert.deepEqual(parts.map(fileOf), caughtBy.map(placeOf), id);
    for (const part of parts) assertNames(id, part, fileOf(part));
  }
});

/** The simulator names a seed in place of a test. */
function assertNames(id: string, part: string, file: string): void {
  if (!isTest(file)) return;
  const names = [...part.matchAll(/“([^”]+)”/g)].map(([, name = '']) => name);
  assert.ok(names.length > 0, `${id}: no test of ${file} is named`);
  const patterns = [file, ...helpersOf(file)].flatMap((path) => namesIn(read(path)));
  for (const name of names) {
    assert.ok(
      patterns.some((pattern) => pattern.test(name)),
      `${id}: ${file} has no “${name}”`,
    );
  }
}

/** What a file of tests imports from its own folder may register tests for it. */
function helpersOf(file: string): string[] {
  return [...read(file).matchAll(/ from '\.\/([\w-]+)\.js'/g)].map(([, name]) => join(dirname(file), `${name}.ts`));
}

/**
 * The names that a source may give to its tests. A row of a table may have its name before a colon.
 */
function namesIn(source: string): RegExp[] {
  const plain = [...source.matchAll(/'([^'\n]{5,})'/g)].map(([, text = '']) => `${escaped(text)}(?:: \\w+)?`);
  const templates = [...source.matchAll(/`([^`\n]+)`/g)]
    .map(([, text = '']) => text.split(/\$\{[^}]*\}/))
    .filter((parts) => parts.join('').length >= TEMPLATE_TEXT_MIN)
    .map((parts) => parts.map(escaped).join('.*'));
  return [...plain, ...templates].map((pattern) => new RegExp(`^${pattern}$`));
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

test('a run names the tests that failed; a file that can not be loaded or that ends early is no failed test', async (t) => {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(directory.remove);
  const put = (name: string, text: string): string => {
    writeFileSync(join(directory.path, name), text);
    return name;
  };
  const head = "import { describe, it, test } from 'node:test';\n";
  const fails = '() => { throw new Error("as it should") }';
  const files = [
    put('a.test.mjs', `${head}test('it fails (really)', ${fails}); test('it passes', () => undefined);`),
    put('b.test.mjs', `${head}describe('a suite', () => { it('within', ${fails}); });`),
    put('c.test.mjs', "import './nothing.mjs';"),
    put('d.test.mjs', `${head}test('it ends the process', () => process.exit(3));`),
  ];
  const { status, stdout } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', ...files], {
    cwd: directory.path,
    encoding: 'utf8',
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  assert.equal(status, 1);
  assert.deepEqual(failuresIn(stdout), ['it fails (really)', 'within']);
});

test('a run names the seed that failed, and what it broke', () => {
  const output = `
400 of 2000 seeds, 20 seeds/s
seed 17 fails; again with: npm run simulate -- --from 17 --seeds 1 --steps 400
AssertionError [ERR_ASSERTION]: an answer was lost
    at judge (test/simulator/judge.ts:1:1)
`;
  assert.deepEqual(failuresIn(output), ['seed 17: an answer was lost']);
  assert.deepEqual(failuresIn('a process of the simulator ended with 1\n'), []);
});

test('a run of the compiler or of the lint names what it refuses', () => {
  const output = `
src/a.ts(1,2): error TS2366: Function lacks ending return statement.
  x typescript(switch-exhaustiveness-check): Switch is not exhaustive. Cases not matched: "noted"
    ,-[src/b.ts:3:4]
`;
  assert.deepEqual(failuresIn(output), [
    'TS2366: Function lacks ending return statement.',
    'typescript(switch-exhaustiveness-check): Switch is not exhaustive. Cases not matched: "noted"',
  ]);
  const [long = ''] = failuresIn(`src/a.ts(1,2): error TS2345: ${'x'.repeat(500)}\n`);
  assert.ok(long.length < 110 && long.endsWith(' …'));
});

test('a new row takes the place of the older one of its bug, and the order is that of the list', () => {
  const found = (name: string) => [{ command: 'npm test -- a.test.ts', failures: [name], seconds: 1.2 }];
  const page = 'before\n<!-- table -->\n<!-- end -->\nafter\n';
  const second = rowOf({ id: 'M2', bug: 'two' }, found('the old one'));
  const filled = withRows(page, new Map([['M2', second]]), ['M1', 'M2']);
  const fresh = new Map([
    ['M2', rowOf({ id: 'M2', bug: 'two' }, found('the new one'))],
    ['M1', rowOf({ id: 'M1', bug: 'one' }, found('a|b'))],
  ]);
  const again = withRows(filled, fresh, ['M1', 'M2']);
  assert.deepEqual(
    [...rowsOf(again).values()],
    ['| M1 | one | `a.test.ts`: “a\\|b” | 2 |', '| M2 | two | `a.test.ts`: “the new one” | 2 |'],
  );
  assert.ok(again.startsWith('before\n') && again.endsWith('<!-- end -->\nafter\n'));
  assert.deepEqual([...rowsOf(withRows(again, new Map(), ['M2'])).keys()], ['M2']);
});
