/**
 * npm run load -- <scenario> [--base-url URL] [--short]
 *
 * Runs a k6 scenario against a Clipbook of its own, or against the one at --base-url. A scenario
 * fails when a threshold or an invariant doesn't hold; the exit code is k6's. The report is in
 * load/results/<scenario>.html.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fromCommandLine } from '../scripts/command-line.js';
import { findK6 } from './k6.js';
import { startOwnServer } from './own-server.js';
import { measureSync, watchSync } from './sync-time.js';

const SCENARIOS = fileURLToPath(new URL('scenarios', import.meta.url));
const RESULTS = fileURLToPath(new URL('results', import.meta.url));
/** The clients of the scenario `live` share one account. */
const LIVE_CLIENTS_MAX = 2_000;
/** Seldom enough to be no load by itself. */
const SYNC_EVERY_MS = 200;
const say = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const names = readdirSync(SCENARIOS).flatMap((file) => (file.endsWith('.js') ? [file.slice(0, -3)] : []));
  const usage = `usage: npm run load -- <${names.join('|')}> [--base-url URL] [--short]`;
  const { values, scenario } = fromCommandLine(usage, () => {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { 'base-url': { type: 'string' }, short: { type: 'boolean', default: false } },
    });
    const [scenario = '', ...others] = positionals;
    if (!names.includes(scenario) || others.length > 0) throw new Error('one scenario has to be named');
    return { values, scenario };
  });
  let k6: string;
  try {
    k6 = findK6(say);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 1;
  }
  mkdirSync(RESULTS, { recursive: true });
  const given = values['base-url'];
  const server =
    given === undefined ? await startOwnServer({ LIVE_CONNECTIONS_PER_CALLER_MAX: String(LIVE_CLIENTS_MAX) }) : null;
  try {
    const directory = server?.directory ?? tmpdir();
    const before = measureSync(directory);
    const watch = watchSync(directory, SYNC_EVERY_MS);
    const code = await runK6(k6, scenario, given ?? server?.url ?? '', values.short);
    const during = watch.end();
    const after = measureSync(directory);
    compareWithSync(scenario, Math.max(before.p99Ms, after.p99Ms), during.p99Ms);
    return code;
  } finally {
    await server?.stop();
  }
}

async function runK6(k6: string, scenario: string, baseUrl: string, isShort: boolean): Promise<number> {
  const child = spawn(k6, ['run', '--quiet', join(SCENARIOS, `${scenario}.js`)], {
    env: {
      ...process.env,
      K6_NO_USAGE_REPORT: 'true',
      BASE_URL: baseUrl,
      SHORT: isShort ? '1' : '',
      RESULTS,
    },
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

function compareWithSync(scenario: string, besideMs: number, duringMs: number): void {
  const path = join(RESULTS, `${scenario}.json`);
  if (!existsSync(path)) return;
  const summary = JSON.parse(readFileSync(path, 'utf8'));
  const p99 = summary.metrics?.http_req_duration?.values?.['p(99)'];
  if (typeof p99 !== 'number') return;
  const beside = (ms: number): string => `${ms.toFixed(2)} ms, ratio ${(p99 / ms).toFixed(1)}`;
  say(
    `p99 ${p99.toFixed(2)} ms; of a single fdatasync of 4 KiB while it ran ${beside(duringMs)}; of 400 in a row before and after ${beside(besideMs)}`,
  );
}
