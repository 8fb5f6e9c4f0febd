/** Clipbook, seen through its HTTP API alone; and its processes, through /proc. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { largePostgresMemory } from '../large-memory.js';
import { startNode } from './child.js';
import { type CodeRange, codesIn } from './codes.js';
import { mergeCpu, nameYoungest, nodeCpu, postgresCpu, processCpu, residentBytes } from './cpu.js';
import { createHttpClient, signIn } from './http-client.js';
import { readMetrics } from './metrics.js';
import { startRedis } from './own-redis.js';
import type { Subject } from './subject.js';

export interface ClipbookOptions {
  readonly name: string;
  /** Exists, is empty, and can be entered by another user. */
  readonly directory: string;
  readonly journal: 'file' | 'redis';
  readonly shardThreads?: number;
  readonly httpThreads?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export async function startClipbook(options: ClipbookOptions): Promise<Subject> {
  const { name, directory, journal } = options;
  const dataDir = join(directory, 'data');
  const httpThreads = options.httpThreads ?? 1;
  // One: what a machine of two cores gets when nothing is set.
  const shardThreads = options.shardThreads ?? 1;
  const redis = journal === 'redis' ? await startRedis(directory) : null;
  const server = await startNode('src/main.js', {
    ...largePostgresMemory(),
    LOG_LEVEL: 'warn',
    DATA_DIR: dataDir,
    HTTP_THREADS: String(httpThreads),
    SHARD_THREADS: String(shardThreads),
    ...(redis === null ? {} : { REDIS_URL: redis.url }),
    ...options.env,
  }).catch(async (error: unknown) => {
    await redis?.stop();
    throw error;
  });
  const threads = nameYoungest(server.pid, [
    ...Array.from({ length: httpThreads }, () => 'http'),
    ...Array.from({ length: shardThreads }, () => 'shard'),
    'spare',
    'projector',
    'live',
  ]);
  const postmaster = Number(
    readFileSync(join(dataDir, 'postgres', 'cluster', 'postmaster.pid'), 'utf8').split('\n')[0],
  );

  const token = (): Promise<string> => signIn(server.url, 'admin');

  return {
    name,
    url: server.url,
    rateGuess: 50_000,
    token,
    async newBook(settings) {
      const client = createHttpClient(server.url, await token());
      const book = await client.expect(201, 'POST', '/api/v1/coupon-books', { name: 'bench', ...settings });
      client.close();
      return String(book['id']);
    },
    async addCodes(bookId, codes) {
      const client = createHttpClient(server.url, await token());
      const report = await client.expect(200, 'POST', `/api/v1/coupon-books/${bookId}/codes`, csv(codes));
      client.close();
      if (report['added'] !== codes.count) throw new Error(`of ${codes.count} codes ${report['added']} were added`);
    },
    cpu: () =>
      mergeCpu(
        nodeCpu('clipbook', server.pid, threads),
        postgresCpu('postgres', postmaster),
        ...(redis === null ? [] : [processCpu('redis', redis.pid)]),
      ),
    residentBytes: () => residentBytes(server.pid),
    async lagEvents() {
      return (await readMetrics(server.url)).sum('clipbook_projection_lag_events');
    },
    async stop() {
      await server.stop();
      await redis?.stop();
    },
  };
}

function* csv(codes: CodeRange): Generator<string> {
  yield 'code\n';
  for (const piece of codesIn(codes)) yield `${piece.join('\n')}\n`;
}
