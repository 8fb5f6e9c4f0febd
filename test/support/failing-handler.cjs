/**
 * Required into every thread of a server under test: while the file that `TEST_FAIL_HANDLER` names is there, a handler that is about
 * to hand over codes of which the first is `BROKEN-1` breaks, as by a fault of ours.
 */
const { existsSync } = require('node:fs');

const { encode } = TextEncoder.prototype;

TextEncoder.prototype.encode = function (text) {
  const order = process.env.TEST_FAIL_HANDLER;
  const isDoomed = typeof text === 'string' && text.startsWith('{"codes":["BROKEN-1"');
  if (isDoomed && order !== undefined && existsSync(order)) throw new Error('a handler broke (on order)');
  return encode.call(this, text);
};
