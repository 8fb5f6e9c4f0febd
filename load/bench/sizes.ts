/**
 * Whether the cost of an operation depends on the amount of data: one book of more and more codes,
 * then more and more books.
 *
 * A thousand codes would be used up in 20 ms, so the load is a circle: half of the requests assign
 * a code drawn at random, the other half give one back (load/wrk/cycle.lua). It can go on for ever,
 * and all sizes do exactly the same. What counts is the processor's time: the rate is also the load
 * generator's, which here has to read every answer.
 *
 * Each size has a server of its own. All stand at once and take turns, as everywhere here.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { booksWithCodes, giveBackAll } from './books.js';
import { startClipbook } from './clipbook-subject.js';
import { type Block, ms, showSpread, spreadOf, type Table, whole } from './figures.js';
import { describeMachine, machineLine } from './machine.js';
import { type Measurement, measure, waitForLag } from './measurement.js';
import type { BenchOptions } from './options.js';
import { diskLine } from './report.js';
import type { Findings } from './results.js';
import type { Subject } from './subject.js';
import { folderOf } from './subjects.js';

export interface Size {
  readonly books: number;
  /** In each book. */
  readonly codes: number;
}

export interface SizeRun extends Measurement {
  readonly size: Size;
  readonly round: number;
}

const ONE_BOOK: readonly Size[] = [1_000, 10_000, 100_000, 1_000_000].map((codes) => ({ books: 1, codes }));
const MANY_BOOKS: readonly Size[] = [1, 100, 10_000].map((books) => ({ books, codes: 100 }));
/** More than this above the smallest is not flat. */
const DEVIATION_MAX = 0.2;

interface Standing {
  readonly size: Size;
  readonly subject: Subject;
  readonly directory: string;
  readonly bookIds: readonly string[];
  readonly bookFile: string;
}

export async function runSizes(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const { seconds, rounds, warmUpSeconds, isShort } = options;
  const [connections = 64] = options.connections;
  const machine = describeMachine();
  const sizes = [ONE_BOOK, MANY_BOOKS].flatMap((series) => (isShort ? series.slice(0, 2) : series));
  const standing: Standing[] = [];
  const runs: SizeRun[] = [];
  try {
    for (const size of sizes) {
      say(`a server with ${showSize(size)}`);
      standing.push(await startOne(size, directory));
    }
    for (const one of standing) await runOnce(one, connections, warmUpSeconds);
    for (let round = 1; round <= rounds; round++) {
      for (const one of standing) {
        const run = { size: one.size, round, ...(await runOnce(one, connections, seconds)) };
        runs.push(run);
        say(`round ${round}  ${showSize(run.size)}  ${whole(run.rate)}/s  shard ${shardUs(run).toFixed(2)} µs/op`);
      }
    }
  } finally {
    for (const { subject } of standing) await subject.stop();
  }
  const facts = `${machineLine(machine)}. Medians of ${rounds} rounds of ${seconds} s at ${connections} connections (least–most), in turn; ${diskLine(runs)}.`;
  return {
    name: 'sizes',
    isSound: runs.every(({ valid }) => valid),
    figures: { machine, connections, seconds, rounds, runs },
    blocks: [...sizesBlocks(runs), facts],
    plots: [],
  };
}

async function startOne(size: Size, parent: string): Promise<Standing> {
  const name = `${size.books}-books-${size.codes}-codes`;
  const directory = folderOf(parent, name);
  const subject = await startClipbook({ name, directory, journal: 'file' });
  const bookFile = join(directory, 'books');
  const bookIds = await booksWithCodes(subject, size.books, size.codes);
  writeFileSync(bookFile, bookIds.map((id) => `${id}\n`).join(''));
  await waitForLag(subject);
  return { size, subject, directory, bookIds, bookFile };
}

async function runOnce(
  { subject, directory, bookIds, bookFile }: Standing,
  connections: number,
  seconds: number,
): Promise<Measurement> {
  const args = [await subject.token(), bookFile, 'return'];
  const measured = await measure(subject, directory, { script: 'cycle', connections, seconds, args });
  await giveBackAll(subject, bookIds);
  await waitForLag(subject);
  return measured;
}

/**
 * One table for codes in a book and one for books, each beside its smallest, and a line that says
 * whether it is flat.
 */
export function sizesBlocks(runs: readonly SizeRun[]): Block[] {
  const tables = [ONE_BOOK, MANY_BOOKS].map((series) => sizesTable(series, runs));
  const worst = Math.max(...tables.map(({ deviation }) => deviation));
  const verdict = worst <= DEVIATION_MAX ? 'Flat' : 'Not flat';
  const line = `${verdict}: the shard thread's time per operation is at most ${percent(worst)} above that of the smallest (aim: 20 %).`;
  const load = 'Half assigns of a random code, half unassigns.';
  // The step from one book to several is a step from one shard to all of them, and a commit has an
  // entry for each shard.
  return [...tables.map(({ table }) => table), `${load} ${line} One book is on one shard, a hundred are on all.`];
}

function sizesTable(series: readonly Size[], runs: readonly SizeRun[]): { table: Table; deviation: number } {
  const groups = series.map((size) => runs.filter((run) => isSame(run.size, size))).filter((of) => of.length > 0);
  const median = (of: readonly SizeRun[], valueIn: (run: SizeRun) => number): number =>
    spreadOf(of.map(valueIn)).median;
  const [smallest = []] = groups;
  const deviations: number[] = [0];
  const rows = groups.map((of) => {
    const beside = (valueIn: (run: SizeRun) => number): number => median(of, valueIn) / median(smallest, valueIn) - 1;
    deviations.push(beside(shardUs));
    const invalid = of.filter(({ valid }) => !valid).length;
    const size = showSize(of[0]?.size ?? { books: 0, codes: 0 });
    return [
      invalid === 0 ? size : `${size} (${invalid} runs invalid)`,
      median(of, shardUs).toFixed(2),
      percent(beside(shardUs)),
      median(of, allUs).toFixed(1),
      percent(beside(allUs)),
      showSpread(spreadOf(of.map(({ rate }) => rate))),
      percent(beside(({ rate }) => rate)),
      ms(median(of, ({ p99Ms }) => p99Ms)),
      whole(median(of, ({ residentBytes }) => residentBytes) / 2 ** 20),
    ];
  });
  const header = ['', 'shard µs/op', 'more', 'all CPU µs/op', 'more', 'ops/s', 'more', 'p99 ms', 'resident MiB'];
  return { table: { header, rows }, deviation: Math.max(...deviations) };
}

const shardUs = (run: SizeRun): number => run.cpuUs['clipbook shard'] ?? 0;
const allUs = (run: SizeRun): number => run.cpuUs['all'] ?? 0;
const isSame = (a: Size, b: Size): boolean => a.books === b.books && a.codes === b.codes;
const percent = (share: number): string => `${Math.round(share * 100)} %`;

function showSize({ books, codes }: Size): string {
  return books === 1 ? `1 book of ${whole(codes)}` : `${whole(books)} books of ${whole(codes)}`;
}
