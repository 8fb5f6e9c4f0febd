/**
 * npm run campaigns -- [--reservations N] [--cap N] [--kills N]: many reservations of a whole
 * campaign against a cap and a budget at full length, on data of their own. With `REDIS_URL`, over
 * that Redis.
 */
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startBuilt } from '../support/build.js';
import { temporaryDirectory } from '../support/server.js';
import { campaigns } from './campaigns.js';

const USAGE = `usage: npm run campaigns -- [options]
  --reservations N  of two promotions and a unique code of a campaign (2000)
  --cap N           uses of the one; the other one has a budget for about as many (500)
  --kills N         of the server, while callers reserve (2)`;

/** Of a reservation, on average. */
const CENTS = 550;

const options = fromCommandLine(USAGE, readValues);
startBuilt();
const directory = await temporaryDirectory();
try {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const report = await campaigns({
    dataDir: directory.path,
    env: process.env['REDIS_URL'] === undefined ? {} : { REDIS_URL: process.env['REDIS_URL'] },
    ...options,
    budget: options.cap * CENTS + 1,
    callers: 64,
    reserveSeconds: 30,
    say,
  });
  const { reserved, refused, committed, late, samples, mostUses, mostMoney, faults } = report;
  say(
    `${reserved} reserved, ${refused} refused, ${committed} committed, ${late} came back late; ` +
      `${samples} samples: at most ${mostUses} uses and ${mostMoney} cents used or held; ${faults.length} faults`,
  );
  for (const line of faults.slice(0, 20)) say(line);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await directory.remove();
}

function readValues(): { reservations: number; cap: number; kills: number } {
  const { values } = parseArgs({
    options: {
      reservations: { type: 'string', default: '2000' },
      cap: { type: 'string', default: '500' },
      kills: { type: 'string', default: '2' },
    },
  });
  return {
    reservations: wholeNumber('--reservations', values.reservations),
    cap: wholeNumber('--cap', values.cap),
    kills: wholeNumber('--kills', values.kills),
  };
}
