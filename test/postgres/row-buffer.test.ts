import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RowBuffer } from '../../src/postgres/row-buffer.js';

function fill(rows: RowBuffer, count: number): Buffer {
  for (let n = 0; n < count; n++) {
    rows.row(2);
    rows.int8(n);
    rows.text('x'.repeat(100));
  }
  return rows.finish();
}

test('what is written does not depend on what was written before, and a backlog’s memory is given back after it', () => {
  const rows = new RowBuffer();
  const few = Buffer.from(fill(new RowBuffer(), 10));
  const many = Buffer.from(fill(new RowBuffer(), 100_000));
  const sizes = [10, 100_000, 100_000, 10, 10].map((count) => {
    const data = fill(rows, count);
    assert.ok(data.equals(count === 10 ? few : many), `${count} rows`);
    rows.clear();
    return data.buffer.byteLength;
  });
  const [first = 0, grown = 0, kept = 0, before = 0, after = 0] = sizes;
  assert.ok(grown > many.length && first < few.length * 100);
  assert.equal(kept, grown, 'used again for a batch as large');
  assert.equal(before, grown);
  assert.ok(after < grown / 2, `${after} of ${grown} bytes are kept for ten rows`);
});
