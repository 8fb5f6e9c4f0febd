/**
 * Required into every thread of a server under test: the wall clock is ahead by as many
 * milliseconds as the file that `TEST_CLOCK_AHEAD` names says; 0 where it is not there. The
 * monotonic clock and uptime are the system's.
 */
const { readFileSync } = require('node:fs');

const RealDate = Date;
const realNow = Date.now;
const READ_EVERY_MS = 20;
let aheadMs = 0;
let readMs = Number.NEGATIVE_INFINITY;

Date.now = () => {
  const nowMs = performance.now();
  if (nowMs - readMs > READ_EVERY_MS) {
    readMs = nowMs;
    try {
      aheadMs = Number(readFileSync(process.env.TEST_CLOCK_AHEAD, 'utf8'));
    } catch {
      aheadMs = 0;
    }
  }
  return realNow() + aheadMs;
};
globalThis.Date = class extends RealDate {
  constructor(...args) {
    if (args.length === 0) super(Date.now());
    else super(...args);
  }
};
