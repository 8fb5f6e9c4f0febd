/**
 * Overload: more and more connections, each of which sends its next request as soon as possible.
 *
 * wrk's clients wait for their answers, so they can't ask for more than is answered, only queue:
 * with c connections, c requests are under way, and the latency is c over the rate. That is the
 * first series. For the other two the bound of a shard thread's mailbox is lowered (MAILBOX_MAX)
 * far below the connections, and a request is refused while it is full. In one of them the clients
 * respect `Retry-After`. In the other they ignore it and retry at once, which is the worst
 * behaviour short of an attack: each refusal takes work from the answers.
 *
 * The load is cycle.lua's: assign a code, give it back. It can go on for ever, and tells apart how
 * long answers and refusals took.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { booksWithCodes } from './books.js';
import { startClipbook } from './clipbook-subject.js';
import { describeMachine } from './machine.js';
import { measure, waitForLag } from './measurement.js';
import type { BenchOptions } from './options.js';
import { type OverloadRun, overloadBlocks, overloadPlot, showRun } from './overload-report.js';
import type { Findings } from './results.js';
import type { Subject } from './subject.js';
import { folderOf } from './subjects.js';

const MAILBOX_DEFAULT = 8_192;
/**
 * Far below the most connections, and not below what one turn of an HTTP thread's event loop takes
 * in: with 256, a turn that finds 2,000 requests refuses 1,744 of them before the shard thread
 * hears of the rest, which then has nothing to do.
 */
const MAILBOX_LOW = 1_024;
const CODES = 100_000;
/** Files that wrk and the server have open besides their connections. */
const OTHER_FILES = 200;

interface Series {
  readonly name: string;
  readonly mailboxMax: number;
  /** What a client does that was refused; cycle.lua knows these two. */
  readonly refused: 'wait' | 'return';
}

const SERIES: readonly Series[] = [
  { name: `bound of ${MAILBOX_DEFAULT}`, mailboxMax: MAILBOX_DEFAULT, refused: 'wait' },
  { name: `bound of ${MAILBOX_LOW}, refused clients wait`, mailboxMax: MAILBOX_LOW, refused: 'wait' },
  { name: `bound of ${MAILBOX_LOW}, refused clients don't wait`, mailboxMax: MAILBOX_LOW, refused: 'return' },
];

export async function runOverload(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const { seconds, rounds, warmUpSeconds } = options;
  const connections = options.connections.filter((count) => isPossible(count, say));
  const machine = describeMachine();
  const standing: Standing[] = [];
  const runs: OverloadRun[] = [];
  try {
    for (const series of SERIES) standing.push(await startOne(series, directory));
    for (const one of standing) await runOnce(one, 64, warmUpSeconds);
    for (let round = 1; round <= rounds; round++) {
      for (const count of connections) {
        for (const one of standing) {
          const run = await runOnce(one, count, seconds);
          runs.push(run);
          say(showRun(run));
        }
      }
    }
  } finally {
    for (const { subject } of standing) await subject.stop();
  }
  const figures = { machine, seconds, rounds, runs };
  return {
    name: 'overload',
    // What is neither answered nor refused in the right way is a flaw; to be refused is what is
    // looked for here.
    isSound: runs.every(({ split, broken }) => split.other === 0 && split.untold === 0 && broken === 0),
    figures,
    blocks: overloadBlocks(figures),
    plots: [overloadPlot(runs)],
  };
}

interface Standing {
  readonly series: Series;
  readonly subject: Subject;
  readonly directory: string;
  readonly bookFile: string;
}

async function startOne(series: Series, parent: string): Promise<Standing> {
  const directory = folderOf(parent, `overload-${series.mailboxMax}-${series.refused}`);
  const env = { MAILBOX_MAX: String(series.mailboxMax) };
  const subject = await startClipbook({ name: series.name, directory, journal: 'file', env });
  const [id = ''] = await booksWithCodes(subject, 1, CODES);
  const bookFile = join(directory, 'books');
  writeFileSync(bookFile, `${id}\n`);
  await waitForLag(subject);
  return { series, subject, directory, bookFile };
}

async function runOnce(
  { series, subject, directory, bookFile }: Standing,
  connections: number,
  seconds: number,
): Promise<OverloadRun> {
  const args = [await subject.token(), bookFile, series.refused];
  const { split, ...measured } = await measure(subject, directory, { script: 'cycle', connections, seconds, args });
  if (split === undefined) throw new Error('wrk did not tell answers from refusals');
  return { ...measured, split, series: series.name, connections };
}

/**
 * The system says how many files a process may have open; Node has raised its own limit to that,
 * and hands it on.
 */
function isPossible(connections: number, say: (line: string) => void): boolean {
  const limit = Number(
    /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Infinity,
  );
  if (connections + OTHER_FILES <= limit) return true;
  say(`${connections} connections are left out: a process may have ${limit} files open here (ulimit -Hn)`);
  return false;
}
