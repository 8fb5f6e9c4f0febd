/**
 * npm run simulate -- [--seeds N] [--from SEED] [--steps N]
 *
 * Runs seeds until one fails, and prints how many a second. `--from SEED --seeds 1` runs a failing one again.
 */
import { parseArgs } from 'node:util';
import { runSeed } from './world.js';

const USAGE = 'usage: npm run simulate -- [--seeds 5000] [--from SEED] [--steps 400]';
const { from, count, steps } = readOptions();
const began = performance.now();
const totals = { done: 0, refused: 0, unavailable: 0, reads: 0, judged: 0, crashes: 0, stops: 0, recoveries: 0 };

for (let seed = from; seed < from + count; seed++) {
  try {
    const report = await runSeed({ seed, steps });
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += report[key];
  } catch (error) {
    process.stdout.write(
      `seed ${seed} fails; again with: npm run simulate -- --from ${seed} --seeds 1 --steps ${steps}\n`,
    );
    process.stdout.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  }
}
const seconds = (performance.now() - began) / 1000;
process.stdout.write(
  `${count} seeds from ${from}, ${steps} steps each, ${(count / seconds).toFixed(0)} seeds/s; no invariant broken\n`,
);
process.stdout.write(`${JSON.stringify(totals)}\n`);

function readOptions(): { from: number; count: number; steps: number } {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string', default: '5000' },
        from: { type: 'string', default: String(Date.now() % 1_000_000_000) },
        steps: { type: 'string', default: '400' },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      process.stdout.write(`${USAGE}\n`);
      process.exit(0);
    }
    return {
      from: whole('from', values.from, 0),
      count: whole('seeds', values.seeds, 1),
      steps: whole('steps', values.steps, 1),
    };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    process.exit(2);
  }
}

/** A run of nothing would find nothing, and say so. */
function whole(name: string, text: string, min: number): number {
  if (!/^\d{1,15}$/.test(text) || Number(text) < min)
    throw new Error(`--${name} ${text}: not a whole number from ${min} on`);
  return Number(text);
}
