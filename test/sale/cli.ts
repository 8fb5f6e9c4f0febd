/**
 * npm run sale -- [--orders N] [--units N] [--kills N]: many orders on few units at full length, on
 * data of their own. With `REDIS_URL`, over that Redis.
 */
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startBuilt } from '../support/build.js';
import { temporaryDirectory } from '../support/server.js';
import { sale } from './sale.js';

const USAGE = `usage: npm run sale -- [options]
  --orders N  by as many users (20000)
  --units N   of the product (1000)
  --kills N   of the server, while they order (2)`;

const { orders, units, kills } = fromCommandLine(USAGE, () => {
  const { values } = parseArgs({
    options: {
      orders: { type: 'string', default: '20000' },
      units: { type: 'string', default: '1000' },
      kills: { type: 'string', default: '2' },
    },
  });
  return {
    orders: wholeNumber('--orders', values.orders),
    units: wholeNumber('--units', values.units),
    kills: wholeNumber('--kills', values.kills),
  };
});
startBuilt();
const directory = await temporaryDirectory();
try {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const redisUrl = process.env['REDIS_URL'];
  const env = redisUrl === undefined ? {} : { REDIS_URL: redisUrl };
  const { accepted, soldOut, repeated, samples, faults } = await sale({
    dataDir: directory.path,
    env,
    orders,
    units,
    kills,
    callers: 64,
    say,
  });
  say(
    `${accepted} accepted, ${soldOut} sold out, ${repeated} repeated; ${samples} samples of the inventory; ${faults.length} faults`,
  );
  for (const line of faults.slice(0, 20)) say(line);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await directory.remove();
}
