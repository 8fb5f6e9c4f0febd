/** Runs in turn, and rounds of it. */
import type { Measurement } from './measurement.js';
import { OPERATIONS, type Operation, STOCK_MARGIN, type Workload, warmUp } from './workload.js';

export interface Cell extends Measurement {
  readonly subject: string;
  readonly operation: Operation;
  readonly connections: number;
  readonly round: number;
}

export interface Turns {
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  /** 0: none. */
  readonly warmUpSeconds: number;
}

/**
 * Warms them up, if asked to, and stocks them for the runs to come, so that none of those waits for
 * codes.
 */
export async function prepareTurns(
  workloads: readonly Workload[],
  turns: Turns,
  say: (line: string) => void,
): Promise<void> {
  const { connections, seconds, rounds, warmUpSeconds } = turns;
  // What one run has to find when the ones before took as much as they may, and the warm-up with
  // them.
  const stockAll = (secondsPerOperation: number): Promise<unknown> =>
    Promise.all(
      workloads.map(async (workload) => {
        for (const operation of OPERATIONS) {
          const count = workload.rateOf(operation) * secondsPerOperation * STOCK_MARGIN;
          await workload.stock(operation, Math.ceil(count));
        }
      }),
    );
  if (warmUpSeconds > 0) {
    say('codes for a warm-up go in');
    await stockAll(warmUpSeconds);
    say('warm-up');
    for (const workload of workloads) await warmUp(workload, OPERATIONS, warmUpSeconds);
  }
  say('codes for all runs go in');
  await stockAll(seconds * connections.length * rounds);
}

/**
 * Takes turns at the innermost, so that whatever changes on the machine meanwhile meets all of
 * them.
 */
export async function takeTurns(
  workloads: readonly Workload[],
  { connections, seconds, rounds }: Turns,
  say: (line: string) => void,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  for (let round = 1; round <= rounds; round++) {
    for (const operation of OPERATIONS) {
      for (const count of connections) {
        for (const workload of workloads) {
          const measured = await workload.run(operation, count, seconds);
          const cell = { subject: workload.subject.name, operation, connections: count, round, ...measured };
          cells.push(cell);
          say(oneLine(cell));
        }
      }
    }
  }
  return cells;
}

function oneLine(cell: Cell): string {
  const { subject, operation, connections, round, rate, p50Ms, p99Ms, refused, broken, valid, cpuUs } = cell;
  const flaw = valid ? '' : `  INVALID: ${refused} refused, ${broken} broken`;
  return `round ${round}  ${operation}  ${connections}  ${subject.padEnd(14)}  ${rate.toFixed(0)}/s  p50 ${p50Ms.toFixed(2)}  p99 ${p99Ms.toFixed(2)} ms  ${(cpuUs['all'] ?? 0).toFixed(1)} µs${flaw}`;
}
