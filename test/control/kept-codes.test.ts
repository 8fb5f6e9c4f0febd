/** Codes that are kept beside the journal come back as they were, or not at all. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { createKeptCodes, type KeptCodes, KeptCodesUnfit, type KeptIntent } from '../../src/control/kept-codes.js';
import { asBookId } from '../../src/domain/ids.js';

const INTENT: KeptIntent = {
  batchId: 12,
  bookId: asBookId('01890000-0000-7000-8000-00000000000a'),
  content: { kind: 'uploaded', count: 3, sha256: 'ab' },
};

async function openDirectory(t: { after(work: () => Promise<unknown>): void }) {
  const directory = await mkdtemp(join(tmpdir(), 'clipbook-kept-'));
  t.after(() => rm(directory, { recursive: true }));
  return { directory: join(directory, 'batches'), kept: createKeptCodes(join(directory, 'batches')) };
}

async function keep(kept: KeptCodes, codes: readonly string[], piece: number): Promise<void> {
  const writer = await kept.write(INTENT);
  for (let at = 0; at < codes.length; at += piece) {
    const part = codes.slice(at, at + piece);
    await writer.write(Buffer.from(`${part.join('\n')}\n`), part.length);
  }
  await writer.finish();
}

async function read(kept: KeptCodes, count: number, intent = INTENT): Promise<string[] | null> {
  let text = '';
  const isThere = await kept.read(intent, count, async (lines) => {
    text += lines.toString();
  });
  return isThere ? text.split('\n').slice(0, -1) : null;
}

for (const count of [0, 1, 3, 200_000]) {
  test(`${count} codes come back in their order`, async (t) => {
    const { kept } = await openDirectory(t);
    const codes = Array.from({ length: count }, (_, n) => `CODE-${n * 7}`);
    await keep(kept, codes, 5_000);
    assert.deepEqual(await read(kept, count), codes);
  });
}

test('codes that were not kept, were given up or were removed are not found', async (t) => {
  const { directory, kept } = await openDirectory(t);
  assert.equal(await read(kept, 3), null);
  assert.deepEqual(await kept.keptBefore(Date.now() + 1000), []);
  const writer = await kept.write(INTENT);
  await writer.write(Buffer.from('AAA\n'), 1);
  await writer.abandon();
  assert.deepEqual(await readdir(directory), []);
  await keep(kept, ['AAA'], 1);
  assert.deepEqual(await kept.keptBefore(Date.now() + 1000), [12]);
  assert.deepEqual(await kept.keptBefore(Date.now() - 60_000), []);
  await kept.remove(12);
  assert.equal(await read(kept, 1), null);
});

test('codes of another intent, another count, or with a bit that was changed are refused', async (t) => {
  const { directory, kept } = await openDirectory(t);
  const codes = ['AAA', 'BBB', 'CCC'];
  await keep(kept, codes, 3);
  const other = { ...INTENT, content: { kind: 'uploaded', count: 3, sha256: 'cd' } } as const;
  await assert.rejects(read(kept, 3, other), KeptCodesUnfit);
  await assert.rejects(read(kept, 2), KeptCodesUnfit);
  const path = join(directory, '12.codes.gz');
  const whole = await readFile(path);
  const text = gunzipSync(whole).toString();
  for (const changed of [text.replace('BBB', 'BBC'), text.replace('BBB\n', ''), text.slice(0, text.lastIndexOf('{'))]) {
    await writeFile(path, gzipSync(changed));
    await assert.rejects(read(kept, 3), KeptCodesUnfit, changed);
  }
  for (let end = 0; end < whole.length; end++) {
    await writeFile(path, whole.subarray(0, end));
    await assert.rejects(read(kept, 3), KeptCodesUnfit, `cut to ${end} bytes`);
  }
});
