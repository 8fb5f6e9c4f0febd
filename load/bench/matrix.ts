/**
 * The effect of more threads: Clipbook with 1, 2 and 4 shard threads by 1 and 2 HTTP threads, all
 * in turn, and what they cost per operation. On a machine with fewer cores than threads the rates
 * say little, but the costs also apply to a larger machine, and scaling.ts computes its rate from
 * them.
 *
 * Each has one book on every shard, and requests go through the books one by one: the hardest way
 * to spread them.
 */
import { booksOnAllShards } from './books.js';
import { startClipbook } from './clipbook-subject.js';
import { type Block, showSpread, type Table } from './figures.js';
import { describeMachine, machineLine } from './machine.js';
import type { BenchOptions } from './options.js';
import { diskLine, distinct, type Row, summarize } from './report.js';
import type { Findings } from './results.js';
import { costsOf, oneCoreTable, scaleTable, scaleTo } from './scaling.js';
import { folderOf } from './subjects.js';
import { type Cell, prepareTurns, takeTurns } from './turns.js';
import { createWorkload, OPERATIONS, type Workload } from './workload.js';

const SHARDS = 16;
const SHARD_THREADS = [1, 2, 4];
const HTTP_THREADS = [1, 2];
const CORES = [1, 2, 4, 8, 16, 32];

export async function runMatrix(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const machine = describeMachine();
  const workloads: Workload[] = [];
  try {
    for (const httpThreads of HTTP_THREADS) {
      for (const shardThreads of options.isShort ? SHARD_THREADS.slice(0, 2) : SHARD_THREADS) {
        workloads.push(await startOne(shardThreads, httpThreads, directory));
        say(`${nameOf(shardThreads, httpThreads)} stands`);
      }
    }
    await prepareTurns(workloads, options, say);
    const cells = await takeTurns(workloads, options, say);
    const { seconds, rounds } = options;
    const facts = `${machineLine(machine)}. Medians of ${rounds} rounds of ${seconds} s, in turn; ${diskLine(cells)}.`;
    return {
      name: 'matrix',
      isSound: cells.every(({ valid }) => valid),
      figures: { machine, seconds, rounds, cells },
      blocks: [...matrixBlocks(cells), facts],
      plots: [],
    };
  } finally {
    for (const { subject } of workloads) await subject.stop();
  }
}

async function startOne(shardThreads: number, httpThreads: number, directory: string): Promise<Workload> {
  const name = nameOf(shardThreads, httpThreads);
  const folder = folderOf(directory, name);
  const env = { SHARDS: String(SHARDS) };
  const subject = await startClipbook({ name, directory: folder, journal: 'file', shardThreads, httpThreads, env });
  return createWorkload(subject, folder, {
    newBooks: (settings) => booksOnAllShards(subject, settings, SHARDS),
  });
}

const nameOf = (shardThreads: number, httpThreads: number): string => `${shardThreads}-shard-${httpThreads}-http`;

/**
 * The rates and costs of all; then, for each operation, what the costs of the fewest and of the
 * most threads come to on more cores. A commit costs the same however much is in it. The load is
 * the same for all, so where more threads share it, less is in each commit and an operation costs
 * more; on more cores with more load it will not. So the truth lies between.
 */
export function matrixBlocks(cells: readonly Cell[]): Block[] {
  const rows = summarize(cells);
  const blocks: Block[] = OPERATIONS.map((operation) => ratesTable(operation, rows));
  for (const operation of OPERATIONS) {
    const own = rows.filter((row) => row.operation === operation);
    for (const row of distinct([own[0], own.at(-1)])) {
      if (row === undefined) continue;
      const costs = costsOf(row.cpuUs, row.settledCpuUs);
      const title = `${operation}, ${row.subject}`;
      const scales = CORES.map((cores) => scaleTo(cores, costs));
      blocks.push(oneCoreTable(title, costs), scaleTable(title, scales));
    }
  }
  return [...blocks, MODEL];
}

const MODEL =
  'What is said of more cores is computed from the costs above it (load/bench/scaling.ts), without the load generator; it was not measured. Projector and PostgreSQL put work off while callers are busy; their costs here are those of all of it. Costs of few threads have full commits, those of many have small ones: the truth lies between.';

function ratesTable(operation: string, rows: readonly Row[]): Table {
  const header = [
    operation,
    'connections',
    'ops/s',
    'p99 ms',
    'CPU µs/op',
    'http',
    'shard',
    'helpers',
    'projector',
    'main',
    'postgres',
  ];
  return {
    header,
    rows: rows
      .filter((row) => row.operation === operation)
      .map(({ subject, connections, rate, p99Ms, cpuUs, invalid }) => {
        const { http, shard, helpers, projector, main, postgresBackend, postgresOthers } = costsOf(cpuUs, cpuUs);
        const parts = [http, shard, helpers, projector, main, postgresBackend + postgresOthers];
        const name = invalid === 0 ? subject : `${subject} (${invalid} runs invalid)`;
        return [
          name,
          String(connections),
          showSpread(rate),
          p99Ms.toFixed(1),
          ...[cpuUs['all'] ?? 0, ...parts].map(us),
        ];
      }),
  };
}

const us = (value: number): string => value.toFixed(1);
