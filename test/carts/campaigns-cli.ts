/**
 * npm run campaigns -- [--reservations N] [--cap N] [--kills N]: many reservations of a whole
 * campaign against a cap and a budget at full length, on data of their own. With `REDIS_URL`, over
 * that Redis.
 */
import { campaigns } from './campaigns.js';
import { runCrowd } from './command-line.js';

const USAGE = `usage: npm run campaigns -- [options]
  --reservations N  of two promotions and a unique code of a campaign (2000)
  --cap N           uses of the one; the other one has a budget for about as many (500)
  --kills N         of the server, while callers reserve (2)`;

await runCrowd(USAGE, { option: 'reservations', usual: 2000 }, ({ count, ...limits }) =>
  campaigns({ ...limits, reservations: count, reserveSeconds: 30 }),
);
