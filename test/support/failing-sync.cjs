/**
 * Required into every thread of a server under test: while the file that `TEST_FAIL_SYNC` names is there, the next sync of a
 * journal segment takes it away and fails, in place of being done. What was written stays in the page cache, as it would.
 */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const { fdatasync, fdatasyncSync } = fs;

function isDoomed(fd) {
  const order = process.env.TEST_FAIL_SYNC;
  if (order === undefined || !fs.existsSync(order)) return false;
  if (!fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith('.seg')) return false;
  try {
    // Of several threads one is the first.
    fs.unlinkSync(order);
    return true;
  } catch {
    return false;
  }
}

const failure = () => Object.assign(new Error('EIO: i/o error, fdatasync (on order)'), { code: 'EIO' });

fs.fdatasyncSync = (fd) => {
  if (isDoomed(fd)) throw failure();
  fdatasyncSync(fd);
};
fs.fdatasync = (fd, done) => {
  if (isDoomed(fd)) setImmediate(done, failure());
  else fdatasync(fd, done);
};
syncBuiltinESMExports();
