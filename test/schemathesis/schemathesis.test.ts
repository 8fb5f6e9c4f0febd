/**
 * The short form of `npm run schemathesis`: the examples and the systematic cases, which are the
 * same in each run. It runs where the long form has installed schemathesis; elsewhere it says so,
 * and test/http/fuzz.test.ts is what remains.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { it } from 'node:test';
import { startServer, temporaryDirectory, undoes } from '../support/server.js';
import { isInstalled, run } from './run.js';

if (isInstalled()) {
  it('schemathesis finds nothing in its examples and systematic cases', async (t) => {
    const undo = undoes(t);
    const data = await temporaryDirectory();
    undo(() => data.remove());
    const server = await startServer(join(data.path, 'data'));
    undo(() => server.stop());
    const asked = { seed: 1, phases: 'examples,coverage', examplesMax: 1, isShown: false };
    const { exitCode, output } = await run(server, asked);
    assert.equal(exitCode, 0, output);
  });
} else {
  console.log('schemathesis is not installed, so its short form does not run: npm run schemathesis installs it');
}
