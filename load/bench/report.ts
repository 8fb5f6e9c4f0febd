/** What a side-by-side run came to: medians over its rounds. */
import { type Block, ms, type Spread, showSpread, spreadOf, type Table } from './figures.js';
import { type Machine, machineLine } from './machine.js';
import type { Measurement } from './measurement.js';
import type { Cell } from './turns.js';
import { OPERATIONS, type Operation } from './workload.js';

export interface SideBySide {
  readonly machine: Machine;
  readonly seconds: number;
  readonly rounds: number;
  readonly cells: readonly Cell[];
}

export interface Row {
  readonly subject: string;
  readonly operation: Operation;
  readonly connections: number;
  readonly rate: Spread;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The median rate over the yardstick's; null where it was not measured. */
  readonly ofBare: number | null;
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly settledCpuUs: Readonly<Record<string, number>>;
  readonly lagEventsAtEnd: number | null;
  readonly lagClearedMs: number | null;
  /** Runs in which something was refused or broke. */
  readonly invalid: number;
  readonly hasValidRun: boolean;
}

const YARDSTICK = 'bare';

/**
 * One row for each subject, operation and number of connections. Of invalid runs only the number is
 * told.
 */
export function summarize(cells: readonly Cell[]): Row[] {
  const rows: Row[] = [];
  for (const operation of OPERATIONS) {
    for (const connections of distinct(cells.map((cell) => cell.connections))) {
      for (const subject of distinct(cells.map((cell) => cell.subject))) {
        const runs = cells.filter(
          (cell) => cell.operation === operation && cell.connections === connections && cell.subject === subject,
        );
        if (runs.length > 0) rows.push(rowOf(runs, medianOf(YARDSTICK, operation, connections, cells)));
      }
    }
  }
  return rows;
}

function rowOf(runs: readonly Cell[], bareRate: number | null): Row {
  const [{ subject, operation, connections }] = runs as [Cell, ...Cell[]];
  const valid = runs.filter((run) => run.valid);
  // With no valid run there is still something to see, and `invalid` says what it is worth.
  const counted = valid.length > 0 ? valid : runs;
  const median = (of: (run: Cell) => number): number => spreadOf(counted.map(of)).median;
  const rate = spreadOf(counted.map((run) => run.rate));
  const labels = distinct(counted.flatMap((run) => Object.keys(run.cpuUs)));
  const costs = (of: (run: Cell) => Readonly<Record<string, number>>): Record<string, number> =>
    Object.fromEntries(labels.map((label) => [label, median((run) => of(run)[label] ?? 0)]));
  const hasLag = counted.some((run) => run.lagEventsAtEnd !== null);
  return {
    subject,
    operation,
    connections,
    rate,
    p50Ms: median((run) => run.p50Ms),
    p99Ms: median((run) => run.p99Ms),
    ofBare: bareRate === null ? null : rate.median / bareRate,
    cpuUs: costs((run) => run.cpuUs),
    settledCpuUs: costs((run) => run.settledCpuUs),
    lagEventsAtEnd: hasLag ? median((run) => run.lagEventsAtEnd ?? 0) : null,
    lagClearedMs: hasLag ? median((run) => run.lagClearedMs ?? 0) : null,
    invalid: runs.length - valid.length,
    hasValidRun: valid.length > 0,
  };
}

function medianOf(subject: string, operation: Operation, connections: number, cells: readonly Cell[]): number | null {
  const rates = cells
    .filter((c) => c.subject === subject && c.operation === operation && c.connections === connections && c.valid)
    .map((cell) => cell.rate);
  return rates.length === 0 ? null : spreadOf(rates).median;
}

const HEADER = ['connections', 'ops/s', 'of bare', 'p50 ms', 'p99 ms', 'CPU µs/op', 'behind at end', 'caught up in'];

/** The rates, then where the processor's time went. */
export function reportBlocks(result: SideBySide): Block[] {
  const rows = summarize(result.cells);
  const rates = OPERATIONS.map((operation) => ({
    header: [operation, ...HEADER],
    rows: rows.filter((row) => row.operation === operation).map(cellsOf),
  }));
  return [...rates, cpuTable(rows), facts(result)];
}

function cellsOf(row: Row): string[] {
  const { subject, connections, rate, ofBare, p50Ms, p99Ms, cpuUs, lagEventsAtEnd, lagClearedMs, invalid } = row;
  return [
    invalid === 0 ? subject : `${subject} (${invalid} runs invalid)`,
    String(connections),
    showSpread(rate),
    ofBare === null ? '' : ofBare.toFixed(2),
    ms(p50Ms),
    ms(p99Ms),
    (cpuUs['all'] ?? 0).toFixed(1),
    lagEventsAtEnd === null ? '' : lagEventsAtEnd.toLocaleString('en-US'),
    lagClearedMs === null ? '' : `${(lagClearedMs / 1000).toFixed(1)} s`,
  ];
}

/** At the most connections: microseconds of a core per operation, by process and thread. */
function cpuTable(rows: readonly Row[]): Table {
  const most = Math.max(...rows.map((row) => row.connections));
  const lines = rows
    .filter((row) => row.connections === most)
    .flatMap(({ subject, operation, cpuUs }) =>
      Object.entries(cpuUs)
        .filter(([label, us]) => label !== 'all' && us >= 0.05)
        .sort(([, a], [, b]) => b - a)
        .map(([label, us]) => [subject, operation, label, us.toFixed(1)]),
    );
  return { header: [`at ${most} connections`, 'operation', 'where', 'CPU µs/op'], rows: lines };
}

function facts({ machine, seconds, rounds, cells }: SideBySide): string {
  const line = `Medians of ${rounds} rounds of ${seconds} s (least–most), in turn; ${diskLine(cells)}.`;
  return `${machineLine(machine)}. ${line}`;
}

/** Sync times of the disk just before the runs: latencies have to be compared with them. */
export function diskLine(runs: readonly Measurement[]): string {
  const [p50, p99] = [runs.map((run) => run.sync.p50Ms), runs.map((run) => run.sync.p99Ms)];
  return `fdatasync of 4 KiB in the same run: p50 ${ms(spreadOf(p50).median)} ms, p99 ${ms(spreadOf(p99).median)} ms`;
}

export function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}
