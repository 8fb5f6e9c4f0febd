/**
 * node --import tsx test/support/template-cluster.ts PATH: makes the cluster of PostgreSQL that the
 * servers and files of a test run copy (cluster.ts). It is as a server leaves `DATA_DIR/postgres`
 * after it has migrated its database. initdb, a database and its migrations take 1.2 s of a core; a
 * copy takes 0.1 s.
 */
import { freePort } from '../../src/compose/port-check.js';
import { startEmbedded } from '../../src/postgres/embedded/embedded.js';
import { migrate } from '../../src/postgres/migrate.js';

const [, , dataDir] = process.argv;
if (dataDir === undefined) throw new Error('where is the cluster to be?');
const log = { info: () => undefined, warn: () => undefined };
const postgres = await startEmbedded({ dataDir, freePort, log });
try {
  await migrate(postgres.url);
} finally {
  await postgres.stop();
}
