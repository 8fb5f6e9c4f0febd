/**
 * One of the processes that `npm run simulate` starts: it runs the seeds that it is told, and says
 * how that went.
 *
 * A run makes dozens of errors that are not failures of it: faults of the store, and refusals of
 * uploads. Their stack traces cost time, so they are left out unless they are asked for.
 */
import { type RunReport, runSeed } from './world.js';

export interface SeedTask {
  readonly from: number;
  /** The first seed that is not to be run. */
  readonly end: number;
  readonly steps: number;
  /** Errors get their stack traces. */
  readonly withStacks: boolean;
}

export interface SeedReport {
  readonly seeds: number;
  readonly totals: Readonly<Record<string, number>>;
  readonly failure: SeedFailure | null;
}

export interface SeedFailure {
  readonly seed: number;
  /** The error, with its stack where that was asked for. */
  readonly thrown: string;
}

const STACK_FRAMES_MAX = Error.stackTraceLimit;

let running: { readonly seed: number; readonly from: number } | null = null;

process.on('message', (task: SeedTask) => void run(task));
// The journal calls back from microtasks, where nobody can catch what an assertion of the actor
// throws.
process.on('uncaughtException', (error) => {
  if (running === null) throw error;
  say({ seeds: running.seed - running.from, totals: {}, failure: { seed: running.seed, thrown: textOf(error) } });
});

async function run({ from, end, steps, withStacks }: SeedTask): Promise<void> {
  Error.stackTraceLimit = withStacks ? STACK_FRAMES_MAX : 0;
  const totals: Record<string, number> = {};
  for (let seed = from; seed < end; seed++) {
    running = { seed, from };
    try {
      const report: RunReport = await runSeed({ seed, steps });
      for (const [name, count] of Object.entries(report)) totals[name] = (totals[name] ?? 0) + count;
    } catch (error) {
      say({ seeds: seed - from, totals, failure: { seed, thrown: textOf(error) } });
      return;
    }
  }
  running = null;
  say({ seeds: end - from, totals, failure: null });
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function say(report: SeedReport): void {
  process.send?.(report);
}
