/** The short form; `npm run fuzz:http -- RUNS` is the long one. */
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { haveTalks, talks } from './fuzz.js';
import { openStage, type Stage } from './stage.js';

let stage: Stage;
before(async () => {
  stage = await openStage();
});
after(() => stage.stop());

const RUNS = 4;

describe('random conversations over one connection', () => {
  it('never get an answer that differs from the effect', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(talks, (all) => haveTalks(stage, all)),
      { numRuns: RUNS, endOnFailure: false, interruptAfterTimeLimit: 240_000 },
    );
  });
});
