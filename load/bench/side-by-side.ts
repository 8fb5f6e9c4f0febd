/** All subjects in turn, several rounds of it, and what came out. */

import { describeMachine, type Machine } from './machine.js';
import type { BenchOptions } from './options.js';
import { checkRaces } from './race-check.js';
import { folderOf, startSubject } from './subjects.js';
import {
  createWorkload,
  type Measurement,
  OPERATIONS,
  type Operation,
  STOCK_MARGIN,
  type Workload,
  warmUp,
} from './workload.js';

export interface Cell extends Measurement {
  readonly subject: string;
  readonly operation: Operation;
  readonly connections: number;
  readonly round: number;
}

export interface SideBySide {
  readonly machine: Machine;
  readonly seconds: number;
  readonly rounds: number;
  readonly cells: readonly Cell[];
}

/** Measures. Takes turns at the innermost, so that whatever changes on the machine meanwhile meets all of them. */
export async function runSideBySide(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<SideBySide> {
  const { connections, seconds, rounds } = options;
  const machine = describeMachine();
  const workloads: Workload[] = [];
  try {
    await prepare(options, directory, workloads, say);
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
    return { machine, seconds, rounds, cells };
  } finally {
    for (const { subject } of workloads) await subject.stop();
  }
}

/** Starts all of them, warms them up, and stocks them for the runs to come. */
async function prepare(
  { only, connections, seconds, rounds, warmUpSeconds }: BenchOptions,
  directory: string,
  workloads: Workload[],
  say: (line: string) => void,
): Promise<void> {
  for (const name of only) {
    const folder = folderOf(directory, name);
    const subject = await startSubject(name, folder, say);
    if (subject === null) continue;
    workloads.push(await createWorkload(subject, folder));
    // The yardstick decides nothing.
    if (name !== 'bare') await checkRaces(subject);
  }
  // What one run has to find when the ones before took as much as they may, and the warm-up with them.
  const stockAll = (secondsPerOperation: number): Promise<unknown> =>
    Promise.all(
      workloads.map(async (workload) => {
        for (const operation of OPERATIONS) {
          const count = workload.rateOf(operation) * secondsPerOperation * STOCK_MARGIN;
          await workload.stock(operation, Math.ceil(count));
        }
      }),
    );
  await stockAll(warmUpSeconds);
  for (const workload of workloads) await warmUp(workload, OPERATIONS, warmUpSeconds);
  await stockAll(seconds * connections.length * rounds);
}

function oneLine(cell: Cell): string {
  const { subject, operation, connections, round, rate, p50Ms, p99Ms, refused, broken, valid, cpuUs } = cell;
  const flaw = valid ? '' : `  INVALID: ${refused} refused, ${broken} broken`;
  return `round ${round}  ${operation}  ${connections}  ${subject.padEnd(14)}  ${rate.toFixed(0)}/s  p50 ${p50Ms.toFixed(2)}  p99 ${p99Ms.toFixed(2)} ms  ${(cpuUs['all'] ?? 0).toFixed(1)} µs${flaw}`;
}
