/**
 * node dist/load/peer.js postgres | redis | redis-worker
 *
 * Starts a peer of `npm run bench`, or what works behind it. Where its servers are comes from
 * DATABASE_URL and REDIS_URL; PORT and JWT_SECRET are as Clipbook has them. Ends on SIGTERM.
 */
import { openPostgresStore } from './peers/postgres-peer.js';
import { openRedisStore } from './peers/redis-peer.js';
import { carryOver } from './peers/redis-worker.js';
import { createService, type PeerStore } from './peers/service.js';

const kind = process.argv[2] ?? '';

switch (kind) {
  case 'postgres':
    await serve(openPostgresStore(setting('DATABASE_URL')));
    break;
  case 'redis':
    await serve(openRedisStore(setting('REDIS_URL')));
    break;
  case 'redis-worker':
    await work();
    break;
  default:
    process.stderr.write('usage: peer postgres|redis|redis-worker\n');
    process.exitCode = 2;
}

async function serve(store: PeerStore): Promise<void> {
  const service = createService(store, setting('JWT_SECRET'));
  const url = await service.listen({ host: '127.0.0.1', port: Number(process.env['PORT'] ?? '0') });
  process.once('SIGTERM', () => {
    void service.close().then(() => store.close());
  });
  process.stdout.write(`${kind} peer listening on ${url}\n`);
}

async function work(): Promise<void> {
  let isOver = false;
  process.once('SIGTERM', () => {
    isOver = true;
  });
  process.stdout.write('redis worker listening on changes\n');
  await carryOver(setting('REDIS_URL'), setting('DATABASE_URL'), () => isOver);
}

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') throw new Error(`${name} is not set`);
  return value;
}
