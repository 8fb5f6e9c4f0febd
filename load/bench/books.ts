/** Books by the dozen, or by the thousand. */
import { createHttpClient, type HttpClient } from './http-client.js';
import type { NewBook, Subject } from './subject.js';

const BOOKS_TRIED_MAX = 2_000;
/** Fewer than the uploads that a server takes at once. */
const BOOKS_AT_ONCE = 4;
const LISTS_AT_ONCE = 32;
const JOB_POLL_MS = 100;

/**
 * Resolves to the ids of `shards` books, one on each shard, whose number an answer tells in
 * `Commit-Seq`.
 */
export async function booksOnAllShards(subject: Subject, settings: NewBook, shards: number): Promise<string[]> {
  return withClient(subject, async (client) => {
    const ofShard = new Map<string, string>();
    for (let tried = 0; ofShard.size < shards; tried++) {
      if (tried === BOOKS_TRIED_MAX) throw new Error(`${tried} books are on ${ofShard.size} of ${shards} shards`);
      const { status, text, commitSeq } = await client.call('POST', BOOKS, { name: 'bench', ...settings });
      const shard = /^(\d+)-\d+$/.exec(commitSeq)?.[1];
      if (status !== 201 || shard === undefined) throw new Error(`POST ${BOOKS} got ${status}: ${text}`);
      if (!ofShard.has(shard)) ofShard.set(shard, String(JSON.parse(text).id));
    }
    return [...ofShard.values()];
  });
}

/** Resolves to the ids of books that have `codes` generated codes each. */
export async function booksWithCodes(subject: Subject, books: number, codes: number): Promise<string[]> {
  return withClient(subject, async (client) => {
    const ids: string[] = [];
    const one = async (): Promise<string> => {
      const { id } = await client.expect(201, 'POST', BOOKS, { name: 'bench', redeemableBy: 'assignee' });
      await generate(client, String(id), codes);
      return String(id);
    };
    while (ids.length < books) {
      const count = Math.min(BOOKS_AT_ONCE, books - ids.length);
      ids.push(...(await Promise.all(Array.from({ length: count }, one))));
    }
    return ids;
  });
}

/** Unassigns all assigned codes: the end of a run leaves up to one per connection. */
export async function giveBackAll(subject: Subject, bookIds: readonly string[]): Promise<void> {
  await withClient(subject, async (client) => {
    for (let i = 0; i < bookIds.length; i += LISTS_AT_ONCE) {
      await Promise.all(bookIds.slice(i, i + LISTS_AT_ONCE).map((bookId) => giveBack(client, bookId)));
    }
  });
}

async function giveBack(client: HttpClient, bookId: string): Promise<void> {
  for (;;) {
    const { items } = await client.expect(200, 'GET', `${BOOKS}/${bookId}/codes?status=assigned&limit=1000`);
    const codes = (items as readonly { readonly code: string }[]).map(({ code }) => code);
    if (codes.length === 0) return;
    await Promise.all(codes.map((code) => client.expect(200, 'POST', `/api/v1/coupons/${code}/unassign`, {})));
  }
}

/** Ends when they are there: some thousand are with the answer, more are a job's. */
async function generate(client: HttpClient, bookId: string, quantity: number): Promise<void> {
  const { status, text } = await client.call('POST', `${BOOKS}/${bookId}/generate`, { quantity });
  if (status === 201) return;
  if (status !== 202) throw new Error(`POST generate got ${status}: ${text}`);
  const path = `/api/v1/jobs/${JSON.parse(text).jobId}`;
  for (;;) {
    const job = await client.expect(200, 'GET', path);
    if (job['status'] === 'completed') return;
    if (job['status'] === 'failed') throw new Error(`a job that generates codes failed: ${String(job['error'])}`);
    await new Promise((resolve) => setTimeout(resolve, JOB_POLL_MS));
  }
}

const BOOKS = '/api/v1/coupon-books';

async function withClient<T>(subject: Subject, use: (client: HttpClient) => Promise<T>): Promise<T> {
  const client = createHttpClient(subject.url, await subject.token());
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
