/**
 * One of the processes that `npm run simulate` starts: it runs the seeds that it is told, and says
 * how that went.
 */
import { type RunReport, runSeed } from './world.js';

export interface SeedTask {
  readonly from: number;
  /** The first seed that is not to be run. */
  readonly end: number;
  readonly steps: number;
}

export interface SeedReport {
  readonly seeds: number;
  readonly totals: Readonly<Record<string, number>>;
  readonly failure: { readonly seed: number; readonly stack: string } | null;
}

let running: { readonly seed: number; readonly from: number } | null = null;

process.on('message', (task: SeedTask) => void run(task));
// The journal calls back from microtasks, where nobody can catch what an assertion of the actor
// throws.
process.on('uncaughtException', (error) => {
  if (running === null) throw error;
  say({ seeds: running.seed - running.from, totals: {}, failure: { seed: running.seed, stack: stackOf(error) } });
});

async function run({ from, end, steps }: SeedTask): Promise<void> {
  const totals: Record<string, number> = {};
  for (let seed = from; seed < end; seed++) {
    running = { seed, from };
    try {
      const report: RunReport = await runSeed({ seed, steps });
      for (const [name, count] of Object.entries(report)) totals[name] = (totals[name] ?? 0) + count;
    } catch (error) {
      say({ seeds: seed - from, totals, failure: { seed, stack: stackOf(error) } });
      return;
    }
  }
  running = null;
  say({ seeds: end - from, totals, failure: null });
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function say(report: SeedReport): void {
  process.send?.(report);
}
