/** docs/cases.md and docs/guarantees.md name tests; they must not name what is not there. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const ROW = /^\| (\S[^|]*) \| .* \| `(test\/[^`]+)` \| `([^`]+)` \|$/gm;

test('every test that docs/cases.md names exists', () => {
  const text = readFileSync(new URL('docs/cases.md', ROOT), 'utf8');
  const rows = [...text.matchAll(ROW)];
  assert.ok(rows.length > 30, 'the tables are read');
  for (const [, no, file = '', name = ''] of rows) {
    const source = readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8');
    assert.ok(source.includes(name), `${no}: ${file} has no "${name}"`);
  }
});

/** Names in quotes, and behind the last of them the file, or the directory, that has them. */
const NAMED = /((?:"[^"]+"(?:,| and|;)?\s+)+)\(`(test\/[^`]+)`/g;

const pathOf = (name: string): string => fileURLToPath(new URL(name, ROOT));

/**
 * Of a file, or of all files in a directory. Names of tests that are made from parts are found by a
 * part.
 */
function sourceOf(path: string): string {
  if (!statSync(path).isDirectory()) return readFileSync(path, 'utf8');
  return readdirSync(path)
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(path, name), 'utf8'))
    .join('\n');
}

test('every test that docs/guarantees.md names exists', () => {
  const text = readFileSync(pathOf('docs/guarantees.md'), 'utf8');
  for (const [, path = ''] of text.matchAll(/`(test\/[^` ]+)`/g)) assert.ok(statSync(pathOf(path)), path);
  const named = [...text.matchAll(NAMED)];
  assert.ok(named.length > 20, 'the names are read');
  for (const [, names = '', path = ''] of named) {
    const source = sourceOf(pathOf(path));
    for (const [, name = ''] of names.matchAll(/"([^"]+)"/g)) {
      assert.ok(source.includes(name.replaceAll(/\s+/g, ' ')), `${path} has no "${name}"`);
    }
  }
});
