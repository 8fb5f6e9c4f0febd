/**
 * npm run bench [-- options]: Clipbook, its yardstick and its peers, side by side. bench/options.ts has the options.
 *
 * All servers stand at once and take turns: one is loaded, the others are idle. The table goes to the terminal, all figures
 * to load/results/.
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, stopChildren } from './bench/child.js';
import { readOptions, USAGE } from './bench/options.js';
import { markdownReport, showReport } from './bench/report.js';
import { writeResult } from './bench/results.js';
import { runSideBySide } from './bench/side-by-side.js';
import { requireWrk } from './bench/wrk.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const options = orUsage(() => readOptions(process.argv.slice(2)));
  if (options === null) return 2;
  const directory = mkdtempSync(join(tmpdir(), 'clipbook-bench-'));
  // PostgreSQL may run as another user, who has to get through.
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
    const result = await runSideBySide(options, directory, say);
    say(`\n${showReport(result)}\n`);
    say(`${writeResult('bench.json', result)} and ${writeResult('bench.md', markdownReport(result))} have all of it`);
    return result.cells.every(({ valid }) => valid) ? 0 : 1;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await clear();
  }
}

function orUsage<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}\n`);
    return null;
  }
}
