/**
 * npm run carts -- [--carts N] [--cap N] [--kills N]: many carts against a cap and a budget at full
 * length, on data of their own. With `REDIS_URL`, over that Redis.
 */
import { carts } from './carts.js';
import { runCrowd } from './command-line.js';

const USAGE = `usage: npm run carts -- [options]
  --carts N  for each of the two promotions (5000)
  --cap N    uses of the one; the other one has a budget for about as many (500)
  --kills N  of the server, while carts reserve (2)`;

await runCrowd(USAGE, { option: 'carts', usual: 5000 }, ({ count, ...limits }) =>
  carts({ ...limits, carts: count, reserveSeconds: 60 }),
);
