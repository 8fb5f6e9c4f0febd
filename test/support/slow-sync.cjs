/**
 * Required into every thread of a server under test: each sync of a journal segment takes
 * `TEST_SLOW_SYNC` milliseconds longer, as on a slow disk. So at any moment of a load some commits
 * are written and not acknowledged.
 */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

const { fdatasync, fdatasyncSync } = fs;
const slowMs = Number(process.env.TEST_SLOW_SYNC ?? 0);
const still = new Int32Array(new SharedArrayBuffer(4));

const isSegment = (fd) => fs.readlinkSync(`/proc/self/fd/${fd}`).endsWith('.seg');

fs.fdatasyncSync = (fd) => {
  if (isSegment(fd)) Atomics.wait(still, 0, 0, slowMs);
  fdatasyncSync(fd);
};
fs.fdatasync = (fd, done) => {
  if (isSegment(fd)) setTimeout(() => fdatasync(fd, done), slowMs);
  else fdatasync(fd, done);
};
syncBuiltinESMExports();
