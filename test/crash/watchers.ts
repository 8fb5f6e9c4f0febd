/**
 * Live watchers beside the callers of a crash test. They break their connections at random and
 * resume, also while the server is away. In the end each must have seen exactly what the audit rows
 * say, in their order: an event that was seen and is not there, or the other way round, is a fault.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { liveEventOfRow } from '../../src/followers/live/live-event.js';
import { createAuditReader } from '../../src/postgres/audit-reader.js';
import { type LiveMessage, openSocket, openStream } from '../support/live.js';
import { postgresUrl } from '../support/postgres.js';

export interface Watchers {
  /** Resolves when each has its first cursor. */
  readonly ready: Promise<void>;
  /** The server is somewhere else now. */
  moveTo(url: string, token: string): void;
  /** Call it when no caller runs any more. Returns the faults. */
  finish(dataDir: string): Promise<string[]>;
  /** Ends them, if `finish` has not. */
  stop(): Promise<void>;
  connections(): number;
  seen(): number;
}

interface WatchersOptions {
  readonly url: string;
  readonly token: string;
  readonly books: readonly string[];
  /** How long a connection stays. */
  readonly staysMs: readonly [number, number];
}

/** Of a book, before it is watched: it was created, and got its codes. */
const EVENTS_BEFORE = 2;
const AWAY_MS_MAX = 150;
const RETRY_MS = 100;
const CATCH_UP_MS_MAX = 60_000;

interface Watcher {
  readonly kind: 'socket' | 'stream';
  cursor: string | null;
  /** `event`, `at` and `data`, by book. */
  readonly seen: Map<string, string[]>;
  readonly faults: string[];
  connections: number;
}

export function createWatchers(options: WatchersOptions): Watchers {
  let { url, token } = options;
  const topics = options.books.map((bookId) => `book:${bookId}`);
  let isOver = false;
  const watchers = (['socket', 'stream'] as const).map(
    (kind): Watcher => ({ kind, cursor: null, seen: new Map(), faults: [], connections: 0 }),
  );
  const running = watchers.map((watcher) => run(watcher));

  async function run(watcher: Watcher): Promise<void> {
    while (!isOver) {
      try {
        await visit(watcher);
      } catch {
        // The server is away.
        await sleep(RETRY_MS);
      }
      await sleep(Math.random() * AWAY_MS_MAX);
    }
  }

  /** One connection, for a while. */
  async function visit(watcher: Watcher): Promise<void> {
    const connection = await (watcher.kind === 'socket' ? openAsSocket(watcher) : openAsStream(watcher));
    watcher.connections++;
    const [least, most] = options.staysMs;
    const untilMs = performance.now() + least + Math.random() * (most - least);
    let taken = 0;
    const take = (): void => {
      for (; taken < connection.messages.length; taken++) note(watcher, connection.messages[taken] as LiveMessage);
    };
    while (!isOver && !connection.hasEnded() && (performance.now() < untilMs || watcher.cursor === null)) {
      await sleep(5);
      take();
    }
    take();
    connection.end();
  }

  async function openAsSocket({ cursor }: Watcher) {
    const socket = await openSocket(url, { token });
    socket.send({ type: 'subscribe', topics, ...(cursor === null ? {} : { since: cursor }) });
    return {
      messages: socket.messages,
      hasEnded: () => socket.socket.readyState !== socket.socket.OPEN,
      end: socket.end,
    };
  }

  async function openAsStream({ cursor }: Watcher) {
    const headers = { authorization: `Bearer ${token}` };
    const stream = await openStream(
      url,
      { topics: topics.join() },
      cursor === null ? headers : { ...headers, 'last-event-id': cursor },
    );
    let hasEnded = false;
    void stream.ended.then(() => {
      hasEnded = true;
    });
    return { messages: stream.messages, hasEnded: () => hasEnded, end: stream.end };
  }

  function note(watcher: Watcher, message: LiveMessage): void {
    const { type, cursor, event, at, data } = message;
    if (type === 'expired' || type === 'error') watcher.faults.push(`${watcher.kind}: ${JSON.stringify(message)}`);
    if (cursor === undefined) return;
    watcher.cursor = cursor;
    if (type !== 'event' || event === 'book.counts') return;
    const bookId = data.couponBookId as string;
    const list = watcher.seen.get(bookId) ?? [];
    list.push(`"event":"${event}","at":"${at}","data":${JSON.stringify(data)}`);
    watcher.seen.set(bookId, list);
  }

  return {
    ready: (async () => {
      while (watchers.some(({ cursor }) => cursor === null)) await sleep(10);
    })(),
    moveTo(nextUrl, nextToken) {
      url = nextUrl;
      token = nextToken;
    },
    async finish(dataDir) {
      const audit = await auditOf(dataDir, options.books);
      const untilMs = performance.now() + CATCH_UP_MS_MAX;
      const hasAll = ({ seen }: Watcher): boolean =>
        options.books.every((book) => (seen.get(book)?.length ?? 0) >= (audit.get(book)?.length ?? 0));
      while (!watchers.every(hasAll) && performance.now() < untilMs) await sleep(50);
      isOver = true;
      await Promise.all(running);
      return watchers.flatMap((watcher) => [
        ...watcher.faults,
        ...options.books.flatMap((book) => differences(watcher, book, audit.get(book) ?? [])),
      ]);
    },
    async stop() {
      isOver = true;
      await Promise.all(running);
    },
    connections: () => watchers.reduce((sum, { connections }) => sum + connections, 0),
    seen: () => watchers.reduce((sum, { seen }) => sum + [...seen.values()].reduce((n, list) => n + list.length, 0), 0),
  };
}

function differences(watcher: Watcher, book: string, expected: readonly string[]): string[] {
  const seen = watcher.seen.get(book) ?? [];
  for (let n = 0; n < Math.max(seen.length, expected.length); n++) {
    if (seen[n] === expected[n]) continue;
    return [
      `${watcher.kind}, book ${book}, event ${n} of ${expected.length}: saw ${seen[n]}, the audit has ${expected[n]}`,
    ];
  }
  return [];
}

/** What the audit rows say of each book, when PostgreSQL has everything. */
async function auditOf(dataDir: string, books: readonly string[]): Promise<Map<string, string[]>> {
  const url = postgresUrl(dataDir);
  const client = new pg.Client(url);
  await client.connect();
  const audit = createAuditReader(url);
  try {
    const { rows } = await client.query<{ shard: number; last: string; book_id: string }>(
      'SELECT shard, max(seq) AS last, book_id FROM changes WHERE book_id = ANY($1::uuid[]) GROUP BY shard, book_id',
      [books],
    );
    const found = new Map<string, string[]>();
    for (const { shard, last, book_id: bookId } of rows) {
      const filter = { scopeIds: [bookId], codes: [], userIds: [], kinds: [] };
      const read = await audit.read(asShardId(shard), asSeq(0), asSeq(Number(last)), filter);
      found.set(bookId, read.rows.flatMap((row) => liveEventOfRow(row)?.text() ?? []).slice(EVENTS_BEFORE));
    }
    return found;
  } finally {
    await audit.close();
    await client.end();
  }
}
