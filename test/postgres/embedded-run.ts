/**
 * A process that starts PostgreSQL on a directory, says where, and ends at once or when it is
 * killed.
 */

import { freePort } from '../../src/compose/port-check.js';
import { startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { silent } from './server.js';

const [dataDir = '', then = 'wait'] = process.argv.slice(2);
const postgres = await startEmbedded({ dataDir, freePort, log: silent });
console.log(JSON.stringify({ url: postgres.url, pid: postgres.pid() }));
if (then === 'exit') process.exit(1);
setInterval(() => undefined, 1000);
