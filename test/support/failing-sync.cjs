/**
 * Required into every thread of a server under test: while the file that `TEST_FAIL_SYNC` names is
 * there, the next sync of a journal segment renames it and fails, in place of being done. The new
 * name ends with `.in-thread` or `.off-thread` and says which kind of sync it was. What was written
 * stays in the page cache, as it would. With `TEST_SYNC_MS`, each sync of a segment takes so much
 * longer, as on a slow disk.
 */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const { fdatasync, fdatasyncSync } = fs;

const delayMs = Number(process.env.TEST_SYNC_MS ?? 0);
const sleeper = new Int32Array(new SharedArrayBuffer(4));

function isSegment(fd) {
  return fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith('.seg');
}

function isDoomed(kind) {
  const order = process.env.TEST_FAIL_SYNC;
  if (order === undefined || !fs.existsSync(order)) return false;
  try {
    // Of several threads one is the first.
    fs.renameSync(order, `${order}.${kind}`);
    return true;
  } catch {
    return false;
  }
}

const failure = () => Object.assign(new Error('EIO: i/o error, fdatasync (on order)'), { code: 'EIO' });

fs.fdatasyncSync = (fd) => {
  if (isSegment(fd)) {
    if (isDoomed('in-thread')) throw failure();
    if (delayMs > 0) Atomics.wait(sleeper, 0, 0, delayMs);
  }
  fdatasyncSync(fd);
};
fs.fdatasync = (fd, done) => {
  if (!isSegment(fd)) fdatasync(fd, done);
  else if (isDoomed('off-thread')) setImmediate(done, failure());
  else setTimeout(() => fdatasync(fd, done), delayMs);
};
syncBuiltinESMExports();
