/** The two peers with all that they need, each with servers of its own. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import { POSTGRES_SCHEMA } from '../peers/postgres-peer.js';
import { availableKey, bookKey, codeKey, STREAM } from '../peers/redis-peer.js';
import { WORKER_SCHEMA } from '../peers/redis-worker.js';
import { signToken } from '../peers/token-check.js';
import { startNode } from './child.js';
import { type CodeRange, codesIn } from './codes.js';
import { mergeCpu, nodeCpu, postgresCpu, processCpu, residentBytes } from './cpu.js';
import { type OwnPostgres, startPostgres } from './own-postgres.js';
import { startRedis } from './own-redis.js';
import type { NewBook, Subject } from './subject.js';

const NO_THREADS = new Map<number, string>();

export async function startPostgresPeer(directory: string): Promise<Subject> {
  const postgres = await startPostgres(directory);
  await postgres.run(POSTGRES_SCHEMA);
  const secret = randomBytes(32).toString('base64url');
  const server = await startNode('load/peer.js', { DATABASE_URL: postgres.url, JWT_SECRET: secret }, ['postgres']);
  return {
    name: 'postgres-peer',
    url: server.url,
    rateGuess: 8_000,
    token: () => signToken(secret),
    newBook: (settings) => insertBook(postgres, settings),
    addCodes: (bookId, codes) => copyCodes(postgres, bookId, codes),
    cpu: () => mergeCpu(nodeCpu('fastify', server.pid, NO_THREADS), postgresCpu('postgres', postgres.pid)),
    residentBytes: () => residentBytes(server.pid),
    lagEvents: () => Promise.resolve(null),
    async stop() {
      await server.stop();
      await postgres.stop();
    },
  };
}

export async function startRedisPeer(directory: string): Promise<Subject> {
  const postgres = await startPostgres(directory);
  await postgres.run(`${POSTGRES_SCHEMA};${WORKER_SCHEMA}`);
  const redis = await startRedis(directory);
  const secret = randomBytes(32).toString('base64url');
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, JWT_SECRET: secret };
  const worker = await startNode('load/peer.js', env, ['redis-worker']);
  const server = await startNode('load/peer.js', env, ['redis']);
  const client = new Redis(redis.url);
  // On a signal the server goes first.
  client.on('error', () => undefined);
  return {
    name: 'redis-peer',
    url: server.url,
    rateGuess: 20_000,
    token: () => signToken(secret),
    async newBook(settings) {
      const id = await insertBook(postgres, settings);
      await client.hset(bookKey(id), { isActive: '1', redeemableBy: settings.redeemableBy });
      return id;
    },
    async addCodes(bookId, codes) {
      await copyCodes(postgres, bookId, codes);
      await loadCodes(client, bookId, codes);
    },
    cpu: () =>
      mergeCpu(
        nodeCpu('fastify', server.pid, NO_THREADS),
        processCpu('worker', worker.pid),
        processCpu('redis', redis.pid),
        postgresCpu('postgres', postgres.pid),
      ),
    residentBytes: () => residentBytes(server.pid),
    lagEvents: () => client.xlen(STREAM),
    async stop() {
      client.disconnect();
      await server.stop();
      await worker.stop();
      await redis.stop();
      await postgres.stop();
    },
  };
}

async function insertBook(postgres: OwnPostgres, { redeemableBy }: NewBook): Promise<string> {
  const id = randomUUID();
  await postgres.run('INSERT INTO books (id, name, redeemable_by) VALUES ($1, $2, $3)', id, 'bench', redeemableBy);
  return id;
}

async function copyCodes(postgres: OwnPostgres, bookId: string, codes: CodeRange): Promise<void> {
  await postgres.copy('codes (code, book_id)', rowsOf(bookId, codes));
  // What autovacuum would get to in a minute, so that the first run has statistics and a visibility
  // map too.
  await postgres.run('VACUUM ANALYZE codes');
}

function* rowsOf(bookId: string, codes: CodeRange): Generator<string> {
  for (const piece of codesIn(codes)) yield piece.map((code) => `${code}\t${bookId}\n`).join('');
}

async function loadCodes(client: Redis, bookId: string, codes: CodeRange): Promise<void> {
  for (const piece of codesIn(codes)) {
    const pipeline = client.pipeline();
    for (const code of piece) pipeline.hset(codeKey(code), 'book', bookId);
    pipeline.sadd(availableKey(bookId), ...piece);
    await pipeline.exec();
  }
}
