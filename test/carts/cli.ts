/**
 * npm run carts -- [--carts N] [--cap N] [--kills N]: many carts against a cap and a budget at full
 * length, on data of their own. With `REDIS_URL`, over that Redis.
 */
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startBuilt } from '../support/build.js';
import { temporaryDirectory } from '../support/server.js';
import { carts } from './carts.js';

const USAGE = `usage: npm run carts -- [options]
  --carts N  for each of the two promotions (5000)
  --cap N    uses of the one; the other one has a budget for about as many (500)
  --kills N  of the server, while carts reserve (2)`;

/** Of a cart, on average. */
const CENTS = 550;

const options = fromCommandLine(USAGE, readValues);
startBuilt();
const directory = await temporaryDirectory();
try {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const report = await carts({
    dataDir: directory.path,
    env: process.env['REDIS_URL'] === undefined ? {} : { REDIS_URL: process.env['REDIS_URL'] },
    ...options,
    budget: options.cap * CENTS + 1,
    callers: 64,
    reserveSeconds: 60,
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

function readValues(): { carts: number; cap: number; kills: number } {
  const { values } = parseArgs({
    options: {
      carts: { type: 'string', default: '5000' },
      cap: { type: 'string', default: '500' },
      kills: { type: 'string', default: '2' },
    },
  });
  return {
    carts: wholeNumber('--carts', values.carts),
    cap: wholeNumber('--cap', values.cap),
    kills: wholeNumber('--kills', values.kills),
  };
}
