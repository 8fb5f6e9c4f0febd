/** Required into the command line under test: a bug of ours, so an error that no code expects. */
const fs = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');

fs.createReadStream = () => {
  throw new TypeError('a bug\nwith a second line');
};
syncBuiltinESMExports();
