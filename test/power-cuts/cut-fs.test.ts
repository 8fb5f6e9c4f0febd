/**
 * What the file system of the power cuts keeps, and what it does not: if it kept too much, the
 * power cuts would show nothing.
 */
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryDirectory, undoes } from '../support/server.js';
import { type CutFs, mountCutFs, whatIsMissing } from './cut-fs.js';

const missing = whatIsMissing();
if (missing === null) register();
else console.log(`left out: tests of the file system for power cuts, since ${missing}`);

async function mounted(t: TestContext): Promise<{ path: string; cutFs: CutFs }> {
  const undo = undoes(t);
  const directory = await temporaryDirectory();
  undo(() => directory.remove());
  const path = join(directory.path, 'mount');
  const cutFs = await mountCutFs(path);
  undo(() => cutFs.unmount());
  return { path, cutFs };
}

function syncDirectory(path: string): void {
  const fd = fs.openSync(path, 'r');
  fs.fsyncSync(fd);
  fs.closeSync(fd);
}

function write(path: string, bytes: string | Uint8Array, { synced }: { readonly synced: boolean }): void {
  const fd = fs.openSync(path, fs.existsSync(path) ? 'r+' : 'wx+');
  fs.writeSync(fd, Buffer.from(bytes), 0);
  if (synced) fs.fdatasyncSync(fd);
  fs.closeSync(fd);
}

function register(): void {
  test('bytes that were synced, under a name that was synced, are there after a power cut', async (t) => {
    const { path, cutFs } = await mounted(t);
    write(join(path, 'file'), 'kept', { synced: true });
    syncDirectory(path);
    for (let seed = 0; seed < 20; seed++) cutFs.cut(seed);
    assert.equal(fs.readFileSync(join(path, 'file'), 'utf8'), 'kept');
  });

  test('a name that was not synced is gone, whatever was synced of its file', async (t) => {
    const { path, cutFs } = await mounted(t);
    write(join(path, 'file'), 'lost', { synced: true });
    fs.mkdirSync(join(path, 'directory'));
    cutFs.cut(1);
    assert.deepEqual(fs.readdirSync(path), []);
    assert.equal(cutFs.undone().names, 2);
  });

  test('a file that was not synced is empty, and a file that grew has its durable size', async (t) => {
    const { path, cutFs } = await mounted(t);
    write(join(path, 'never'), 'lost', { synced: false });
    write(join(path, 'grown'), 'kept', { synced: true });
    syncDirectory(path);
    write(join(path, 'grown'), 'kept and lost', { synced: false });
    cutFs.cut(1);
    assert.equal(fs.statSync(join(path, 'never')).size, 0);
    assert.equal(fs.statSync(join(path, 'grown')).size, 4);
  });

  test('of pages that were written over and not synced, the seed decides which stay', async (t) => {
    const { path, cutFs } = await mounted(t);
    const pages = 64;
    write(join(path, 'file'), Buffer.alloc(pages * 4096, 1), { synced: true });
    syncDirectory(path);
    const seen = new Set<string>();
    for (let seed = 0; seed < 30; seed++) {
      write(join(path, 'file'), Buffer.alloc(pages * 4096, 2), { synced: false });
      cutFs.cut(seed);
      const bytes = fs.readFileSync(join(path, 'file'));
      const kept = bytes.filter((byte) => byte === 2).length;
      seen.add(kept === 0 ? 'none' : kept % 4096 === 0 ? 'pages' : 'sectors');
      write(join(path, 'file'), Buffer.alloc(pages * 4096, 1), { synced: true });
    }
    assert.deepEqual([...seen].sort(), ['none', 'pages', 'sectors']);
    const { cuts, pages: undone, kept } = cutFs.undone();
    assert.equal(cuts, 30);
    assert.ok(undone > 0 && kept > 0);
  });

  test('a rename, a link and a deletion are undone until their directory is synced', async (t) => {
    const { path, cutFs } = await mounted(t);
    for (const name of ['renamed', 'linked', 'deleted']) write(join(path, name), name, { synced: true });
    syncDirectory(path);
    const change = (): void => {
      fs.renameSync(join(path, 'renamed'), join(path, 'renamed.new'));
      fs.linkSync(join(path, 'linked'), join(path, 'linked.new'));
      fs.unlinkSync(join(path, 'deleted'));
    };
    change();
    cutFs.cut(1);
    assert.deepEqual(fs.readdirSync(path).sort(), ['deleted', 'linked', 'renamed']);
    assert.equal(fs.readFileSync(join(path, 'deleted'), 'utf8'), 'deleted');
    change();
    syncDirectory(path);
    cutFs.cut(2);
    assert.deepEqual(fs.readdirSync(path).sort(), ['linked', 'linked.new', 'renamed.new']);
  });
}
