import { test } from 'node:test';
import { runSeed } from './world.js';

const SEEDS = 1000;
const STEPS = 300;

test(`${SEEDS} seeds of faults, crashes and concurrent callers break no invariant (I1 to I7)`, async () => {
  const first = Date.now() % 1_000_000_000;
  for (let seed = first; seed < first + SEEDS; seed++) {
    try {
      await runSeed({ seed, steps: STEPS });
    } catch (error) {
      throw new Error(`seed ${seed} fails; again with: npm run simulate -- --from ${seed} --seeds 1 --steps ${STEPS}`, {
        cause: error,
      });
    }
  }
});
