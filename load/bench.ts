/**
 * npm run bench [-- options]: Clipbook, its yardstick and its peers, side by side; or Clipbook
 * alone: long runs, numbers of threads, sizes of books, overload, watched books, and
 * carts.
 * bench/options.ts has the options.
 *
 * Tables go to the terminal, all figures to load/results/.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromCommandLine } from '../scripts/command-line.js';
import { runCheckout } from './bench/checkout.js';
import { build, stopChildren } from './bench/child.js';
import { renderBlocks, textTable } from './bench/figures.js';
import { runMatrix } from './bench/matrix.js';
import { type BenchOptions, type Mode, readOptions, USAGE } from './bench/options.js';
import { runOrders } from './bench/orders.js';
import { runOverload } from './bench/overload.js';
import { type Findings, writeFindings } from './bench/results.js';
import { runSideBySide } from './bench/side-by-side.js';
import { runSizes } from './bench/sizes.js';
import { runSustained } from './bench/sustained.js';
import { runWatched } from './bench/watched.js';
import { requireWrk } from './bench/wrk.js';

type Run = (options: BenchOptions, directory: string, say: (line: string) => void) => Promise<Findings>;

const RUNS: Readonly<Record<Mode, Run>> = {
  'side-by-side': runSideBySide,
  sustained: runSustained,
  matrix: runMatrix,
  sizes: runSizes,
  overload: runOverload,
  watched: runWatched,
  checkout: runCheckout,
  orders: runOrders,
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const options = fromCommandLine(USAGE, () => readOptions(process.argv.slice(2)));
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-bench-'));
  // PostgreSQL may run as another user, which needs access to the directory.
  chmodSync(directory, 0o755);
  const clear = async (): Promise<void> => {
    await stopChildren();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void clear().then(() => process.exit(1)));
  try {
    requireWrk();
    build();
    const findings = await RUNS[options.mode](options, directory, say);
    say(`\n${renderBlocks(findings.blocks, textTable)}\n`);
    say(`all of it is in ${writeFindings(findings, options.publish).join(', ')}`);
    return findings.isSound ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await clear();
  }
}
