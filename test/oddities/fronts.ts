/**
 * npm run fronts: starts Clipbook, and nginx and HAProxy as configured in `deploy/`, sends all
 * oddities through each, and prints what arrives at Clipbook and what the client is answered. Ends
 * with 1 when an answer differs from the effect, when hidden bytes were executed, or when anything
 * got 502.
 */
import { type FrontReport, runFront } from './front-run.js';
import { FRONT_NAMES, findFront, howToGet } from './front-servers.js';
import { openStage, type Stage } from './stage.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

process.exitCode = await main();

async function main(): Promise<number> {
  const missing = FRONT_NAMES.filter((name) => findFront(name) === null);
  for (const name of missing) say(howToGet(name));
  if (missing.length > 0) return 1;
  const stage = await openStage();
  try {
    return await runAll(stage);
  } finally {
    await stage.stop();
  }
}

async function runAll(stage: Stage): Promise<number> {
  const reports: FrontReport[] = [];
  for (const name of FRONT_NAMES) reports.push(await runFront(stage, name, () => true));
  say(`| sent | ${FRONT_NAMES.map((name) => `${name}: arrives | answered`).join(' | ')} |`);
  say(`| --- |${' --- | --- |'.repeat(FRONT_NAMES.length)}`);
  const sent = reports[0]?.rows.map(({ what }) => what) ?? [];
  for (const what of sent) {
    const cells = reports.map(({ rows }) => {
      const row = rows.find((each) => each.what === what);
      return `${row?.arrived} | ${row?.answered}`;
    });
    say(`| ${what} | ${cells.join(' | ')} |`);
  }
  say('');
  let faults = 0;
  for (const [i, { rows, headRuns, headConnections }] of reports.entries()) {
    const name = FRONT_NAMES[i];
    say(`${name}: HEAD and then a redemption, ${headRuns} times, over ${headConnections} new connections to Clipbook`);
    for (const { what, fault } of rows) {
      if (fault === null) continue;
      faults++;
      say(`${name}: ${what}: ${fault}`);
    }
  }
  say(faults === 0 ? 'no request was smuggled, nothing got 502, and every answer agrees with its effect' : '');
  return faults === 0 ? 0 : 1;
}
