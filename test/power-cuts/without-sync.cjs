/**
 * Preloaded into the server (NODE_OPTIONS=--require), it takes out what `WITHOUT_SYNC` names: the
 * power cuts must then lose operations, or they would show nothing. `data`: fdatasync of files;
 * `names`: fsync of directories.
 */
const fs = require('node:fs');

const without = process.env['WITHOUT_SYNC'];
if (without === 'data') {
  fs.fdatasyncSync = () => undefined;
  fs.fdatasync = (_fd, done) => process.nextTick(done, null);
} else if (without === 'names') {
  const fsyncSync = fs.fsyncSync;
  fs.fsyncSync = (fd) => {
    if (!fs.fstatSync(fd).isDirectory()) fsyncSync(fd);
  };
} else {
  throw new Error(`WITHOUT_SYNC is "${without}"; allowed are data and names`);
}
