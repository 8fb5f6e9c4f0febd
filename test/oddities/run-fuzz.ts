/**
 * npm run fuzz:http -- RUNS SEED: the long form of fuzz.test.ts. A failure prints the conversation
 * and the seed.
 */
import fc from 'fast-check';
import { haveTalks, talks } from './fuzz.js';
import { openStage } from './stage.js';

const [runs = '100', seed] = process.argv.slice(2);
const stage = await openStage();
try {
  await fc.assert(
    fc.asyncProperty(talks, (all) => haveTalks(stage, all)),
    { numRuns: Number(runs), ...(seed === undefined ? {} : { seed: Number(seed) }) },
  );
  process.stdout.write(`${runs} runs of up to 40 conversations: every answer agrees with its effect\n`);
} finally {
  await stage.stop();
}
