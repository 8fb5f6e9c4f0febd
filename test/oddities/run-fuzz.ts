/**
 * npm run fuzz:http -- RUNS SEED: the long form of fuzz.test.ts. A failure prints the conversation
 * and the seed.
 */
import fc from 'fast-check';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { haveTalks, talks } from './fuzz.js';
import { openStage } from './stage.js';

const { runs, seed } = fromCommandLine('usage: npm run fuzz:http -- [RUNS] [SEED]', () => {
  const [runs = '100', seed] = process.argv.slice(2);
  return { runs: wholeNumber('RUNS', runs), seed: seed === undefined ? null : wholeNumber('SEED', seed, 0) };
});
const stage = await openStage();
try {
  await fc.assert(
    fc.asyncProperty(talks, (all) => haveTalks(stage, all)),
    { numRuns: runs, ...(seed === null ? {} : { seed }) },
  );
  process.stdout.write(`${runs} runs of up to 40 conversations: every answer agrees with its effect\n`);
} finally {
  await stage.stop();
}
