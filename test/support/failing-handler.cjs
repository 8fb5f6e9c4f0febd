/**
 * Required into every thread of a server under test: while the file that `TEST_FAIL_HANDLER` names
 * is there, a handler breaks, as by a fault of ours, when it is about to hand over codes of which
 * the first is `BROKEN-1`, or to show the code `BACK-1`.
 */
const { existsSync } = require('node:fs');

const { encode } = TextEncoder.prototype;
const { stringify } = JSON;

function breakOnOrder() {
  const order = process.env.TEST_FAIL_HANDLER;
  if (order !== undefined && existsSync(order)) throw new Error('a handler broke (on order)');
}

TextEncoder.prototype.encode = function (text) {
  if (typeof text === 'string' && text.startsWith('{"codes":["BROKEN-1"')) breakOnOrder();
  return encode.call(this, text);
};

JSON.stringify = (value, ...rest) => {
  if (value?.code === 'BACK-1') breakOnOrder();
  return stringify(value, ...rest);
};
