/**
 * npm run simulate -- [--seeds N] [--from SEED] [--steps N] [--processes N]
 *
 * Runs seeds, in one process per core, until one fails, and prints how many a second. A seed that
 * fails is run again at once, to print where. `--from SEED --seeds 1` runs it again later.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import type { SeedFailure, SeedReport, SeedTask } from './seeds.js';

const USAGE = 'usage: npm run simulate -- [--seeds 5000] [--from SEED] [--steps 400] [--processes CORES]';
/** Seeds that a process takes at a time. */
const TASK_SEEDS = 100;
const SAY_EVERY_MS = 30_000;
/**
 * Each core has a process of its own: threads that collect garbage beside it only take time from
 * the others.
 */
const SEEDS_ARGS = [...process.execArgv, '--single-threaded-gc'];
const SEEDS_PATH = fileURLToPath(new URL('./seeds.ts', import.meta.url));

const { from, count, steps, processes } = fromCommandLine(USAGE, readOptions);
const end = from + count;
let next = from;
let done = 0;
const totals: Record<string, number> = {};
const began = performance.now();
let saidMs = began;
const children = new Set<ChildProcess>();
for (let started = 0; started < Math.min(processes, Math.ceil(count / TASK_SEEDS)); started++) startChild();

function startChild(): void {
  const child = fork(SEEDS_PATH, { execArgv: SEEDS_ARGS });
  children.add(child);
  child.on('message', (report: SeedReport) => take(child, report));
  child.on('exit', (code) => {
    children.delete(child);
    if (code === 0) return;
    if (process.exitCode === undefined) process.stdout.write(`a process of the simulator ended with ${code}\n`);
    giveUp();
  });
  giveTask(child);
}

function giveTask(child: ChildProcess): void {
  if (next >= end) {
    child.disconnect();
    return;
  }
  const task: SeedTask = { from: next, end: Math.min(next + TASK_SEEDS, end), steps, withStacks: false };
  next = task.end;
  child.send(task);
}

function take(child: ChildProcess, report: SeedReport): void {
  if (report.failure !== null) {
    const isFirst = process.exitCode === undefined;
    giveUp();
    if (isFirst) explain(report.failure);
    return;
  }
  done += report.seeds;
  for (const [name, value] of Object.entries(report.totals)) totals[name] = (totals[name] ?? 0) + value;
  const now = performance.now();
  if (done === count) sayEnd((now - began) / 1000);
  else if (now - saidMs > SAY_EVERY_MS) {
    saidMs = now;
    process.stdout.write(`${done} of ${count} seeds, ${rate((now - began) / 1000)} seeds/s\n`);
  }
  giveTask(child);
}

/** What was thrown says what, and not where: the seed is run again with stack traces. */
function explain({ seed, thrown }: SeedFailure): void {
  const child = fork(SEEDS_PATH, { execArgv: SEEDS_ARGS });
  let stack = `${thrown}\n    the second run of this seed did not fail in this way`;
  child.on('message', (report: SeedReport) => {
    if (report.failure !== null) stack = report.failure.thrown;
    child.kill('SIGKILL');
  });
  child.on('exit', () => {
    process.stdout.write(
      `seed ${seed} fails; again with: npm run simulate -- --from ${seed} --seeds 1 --steps ${steps}\n${stack}\n`,
    );
  });
  child.send({ from: seed, end: seed + 1, steps, withStacks: true } satisfies SeedTask);
}

function sayEnd(seconds: number): void {
  process.stdout.write(
    `${count} seeds from ${from}, ${steps} steps each, ${rate(seconds)} seeds/s; no invariant broken\n${JSON.stringify(totals)}\n`,
  );
}

function rate(seconds: number): string {
  return (done / seconds).toFixed(0);
}

function giveUp(): void {
  process.exitCode = 1;
  for (const child of children) child.kill('SIGKILL');
}

/** A run of nothing would find nothing, and say so. */
function readOptions(): { from: number; count: number; steps: number; processes: number } {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '5000' },
      from: { type: 'string', default: String(Date.now() % 1_000_000_000) },
      steps: { type: 'string', default: '400' },
      processes: { type: 'string', default: String(availableParallelism()) },
    },
  });
  return {
    from: wholeNumber('--from', values.from, 0),
    count: wholeNumber('--seeds', values.seeds),
    steps: wholeNumber('--steps', values.steps),
    processes: wholeNumber('--processes', values.processes),
  };
}
