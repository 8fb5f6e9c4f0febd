/**
 * The short form of `npm run fronts`: what fronts are known to trip over. Runs where nginx and
 * haproxy are installed.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runFront } from './front-run.js';
import { FRONT_NAMES, findFront, howToGet } from './front-servers.js';
import { openStage, type Stage } from './stage.js';

/** Neither answered by a timeout, by Clipbook or by the front. */
const WANTED = /chunked (?:redemption|request|GET)|HEAD|redemption behind it|in one segment|Expect|longer than|upgrade/;

const present = FRONT_NAMES.filter((name) => findFront(name) !== null);
for (const name of FRONT_NAMES) {
  if (!present.includes(name)) console.log(`the test of ${name} as a front is left out; ${howToGet(name)}`);
}

if (present.length > 0) {
  let stage: Stage;
  before(async () => {
    stage = await openStage();
  });
  after(() => stage.stop());

  describe('through a front', () => {
    for (const name of present) {
      it(`${name}, no request is smuggled, nothing gets 502 and every answer agrees with its effect`, async () => {
        const report = await runFront(stage, name, ({ what }) => WANTED.test(what));
        assert.ok(report.rows.length > 20);
        assert.deepEqual(
          report.rows.filter(({ fault }) => fault !== null),
          [],
        );
        assert.ok(report.headConnections <= report.headRuns, 'HEAD and the redemption share a connection to Clipbook');
      });
    }
  });
}
