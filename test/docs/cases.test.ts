/** docs/cases.md names tests; it must not name what is not there. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const ROW = /^\| (\S+) \| .* \| `(test\/[^`]+)` \| `([^`]+)` \|$/gm;

test('every test that docs/cases.md names exists', () => {
  const text = readFileSync(new URL('docs/cases.md', ROOT), 'utf8');
  const rows = [...text.matchAll(ROW)];
  assert.ok(rows.length > 30, 'the tables are read');
  for (const [, no, file = '', name = ''] of rows) {
    const source = readFileSync(fileURLToPath(new URL(file, ROOT)), 'utf8');
    assert.ok(source.includes(name), `${no}: ${file} has no "${name}"`);
  }
});
