/**
 * The counters that generated codes are made from: each gives one code of its book's pattern, and
 * none may be used twice.
 *
 *     free ──reserve──▶ reserved ──dropReservation──▶ used        its codes are live
 *      ▲                    │
 *      └────────giveBack────┘                                     its codes are not live and never will be
 *
 * Each key of the generator has counters of its own, since another key gives other codes for them.
 *
 * All changes of one pattern's counters lock its row in `generated`, so they happen one after the
 * other, however many callers ask at once. A reservation is a row that survives a crash: after a
 * restart its holder finds out whether the codes became live, and then either drops it or gives it
 * back.
 *
 * `reserve`, `giveBack` and `dropReservation` have to be called within a transaction.
 */
import type pg from 'pg';
import type { CounterRange } from '../../records/batch-content.js';
import { transaction, transactionIf } from '../connection.js';
import type { CounterHolder, CounterStore, PatternCounters, Reserved } from '../store.js';

/**
 * Free ranges that one pattern keeps. They are separated by used counters, so there are many of
 * them only where many generations were given up beside many that were not. Beyond the bound the
 * smallest ones are forgotten, and their codes are never made.
 */
const FREE_RANGES_MAX = 1_000;

export const batchHolder = (batchId: number): CounterHolder => `batch ${batchId}`;
export const jobHolder = (jobId: string): CounterHolder => `job ${jobId}`;
/** Until the request's batch is open. */
export const requestHolder = (id: string): CounterHolder => `request ${id}`;

type Use = <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;

const SET_COUNTERS = `
  UPDATE generated SET next = $4, free = $5::int8multirange WHERE book_id = $1 AND pattern = $2 AND key_id = $3`;

/** `use` borrows a connection for something short. */
export function createCounterStore(use: Use): CounterStore {
  const isReserved = ({ kind }: Reserved): boolean => kind === 'reserved';
  return {
    reserve: (holder, counters, quantity) =>
      use((client) => transactionIf(client, isReserved, () => reserve(client, holder, counters, quantity, false))),
    async reserveMore(holder, counters, quantity) {
      const more = await use((client) =>
        transactionIf(client, isReserved, () => reserve(client, holder, counters, quantity, true)),
      );
      return more.kind === 'reserved' ? more.ranges : [];
    },
    renewReservation: (holder, counters, quantity) =>
      use((client) =>
        transactionIf(client, isReserved, async () => {
          await giveBack(client, holder);
          return reserve(client, holder, counters, quantity, false);
        }),
      ),
    async moveReservation(from, to) {
      await use((client) =>
        transaction(client, 'BEGIN', () =>
          client.query('UPDATE reserved_counters SET holder = $2 WHERE holder = $1', [from, to]),
        ),
      );
    },
    markUsed: (counters, ranges) =>
      use((client) => transaction(client, 'BEGIN', () => markUsed(client, counters, ranges))),
    giveBackReservation: (holder) => use((client) => transaction(client, 'BEGIN', () => giveBack(client, holder))),
    giveBackOfRequests: () =>
      use((client) =>
        transaction(client, 'BEGIN', async () => {
          const { rows } = await client.query<{ holder: CounterHolder }>(
            "SELECT holder FROM reserved_counters WHERE holder LIKE 'request %'",
          );
          for (const { holder } of rows) await giveBack(client, holder);
        }),
      ),
    dropReservation: (holder) => use((client) => transaction(client, 'BEGIN', () => dropReservation(client, holder))),
  };
}

/**
 * Takes `quantity` counters for `holder`, or with `orFewer` as many as there are. `short`, when
 * there are too few (with `orFewer`: none): then the caller has to roll back.
 */
export async function reserve(
  client: pg.Client,
  holder: CounterHolder,
  { bookId, pattern, keyId, counterCount }: PatternCounters,
  quantity: number,
  orFewer: boolean,
): Promise<Reserved> {
  const { rows } = await client.query<{ next: string; free: string }>(
    `INSERT INTO generated AS g (book_id, pattern, key_id, next) VALUES ($1, $2, $3, 0)
     ON CONFLICT (book_id, pattern, key_id) DO UPDATE SET next = g.next
     RETURNING next, free::text`,
    [bookId, pattern, keyId],
  );
  const [row] = rows;
  if (row === undefined) throw new Error(`the counters of ${pattern} could not be locked`);
  const next = Number(row.next);
  const free = rangesOf(row.free);
  const unreserved = next < counterCount ? [...free, { first: next, end: counterCount }] : free;
  const available = countersIn(unreserved);
  if (available < quantity && (!orFewer || available === 0)) return { kind: 'short', unreserved };
  const { taken, left } = take(free, next, Math.min(quantity, available));
  const past = Math.max(next, ...taken.map(({ end }) => end));
  await client.query(SET_COUNTERS, [bookId, pattern, keyId, past, textOf(left)]);
  await client.query(
    `INSERT INTO reserved_counters AS r (holder, book_id, pattern, key_id, ranges)
     VALUES ($1, $2, $3, $4, $5::int8multirange)
     ON CONFLICT (holder) DO UPDATE SET ranges = r.ranges + excluded.ranges`,
    [holder, bookId, pattern, keyId, textOf(taken)],
  );
  return { kind: 'reserved', ranges: taken };
}

/** The holder's counters can be taken by others again. Nothing happens when it holds none. */
export async function giveBack(client: pg.Client, holder: CounterHolder): Promise<void> {
  const { rows } = await client.query<{ bookId: string; pattern: string; keyId: number; ranges: string }>(
    'DELETE FROM reserved_counters WHERE holder = $1 RETURNING book_id AS "bookId", pattern, key_id AS "keyId", ranges::text',
    [holder],
  );
  const [held] = rows;
  if (held === undefined) return;
  const { rows: merged } = await client.query<{ next: string; free: string }>(
    `UPDATE generated SET free = (
       SELECT coalesce(range_agg(kept), '{}') FROM (
         SELECT kept FROM unnest(free + $4::int8multirange) AS kept ORDER BY upper(kept) - lower(kept) DESC LIMIT $5
       ) AS largest
     ) WHERE book_id = $1 AND pattern = $2 AND key_id = $3 RETURNING next, free::text`,
    [held.bookId, held.pattern, held.keyId, held.ranges, FREE_RANGES_MAX],
  );
  const free = rangesOf(merged[0]?.free ?? '');
  const last = free.at(-1);
  if (last === undefined || last.end !== Number(merged[0]?.next)) return;
  // The range below `next` joins what was never taken.
  await client.query(SET_COUNTERS, [held.bookId, held.pattern, held.keyId, last.first, textOf(free.slice(0, -1))]);
}

/**
 * Counters that a database of an older moment takes for free, reserved, or never taken. What lies
 * between them and those that it knows of becomes free.
 */
async function markUsed(
  client: pg.Client,
  { bookId, pattern, keyId }: Omit<PatternCounters, 'counterCount'>,
  ranges: readonly CounterRange[],
): Promise<void> {
  const end = Math.max(...ranges.map((range) => range.end));
  await client.query(
    `INSERT INTO generated AS g (book_id, pattern, key_id, next, free) VALUES (
       $1, $2, $3, $4, int8multirange(int8range(0, $4)) - $5::int8multirange
     ) ON CONFLICT (book_id, pattern, key_id) DO UPDATE SET
       free = g.free + int8multirange(int8range(least(g.next, $4), $4)) - $5::int8multirange,
       next = greatest(g.next, $4)`,
    [bookId, pattern, keyId, end, textOf(ranges)],
  );
  await client.query(
    `UPDATE reserved_counters SET ranges = ranges - $4::int8multirange
     WHERE book_id = $1 AND pattern = $2 AND key_id = $3`,
    [bookId, pattern, keyId, textOf(ranges)],
  );
}

/** The holder's codes are live: its counters are used for good. */
export async function dropReservation(client: pg.Client, holder: CounterHolder): Promise<void> {
  await client.query('DELETE FROM reserved_counters WHERE holder = $1', [holder]);
}

export const countersIn = (ranges: readonly CounterRange[]): number =>
  ranges.reduce((sum, { first, end }) => sum + end - first, 0);

/**
 * Free ranges come first. One that has room for all is used alone, the smallest such one, which
 * keeps the others whole; otherwise they are used up from the lowest on, and the rest comes from
 * `next`.
 */
function take(
  free: readonly CounterRange[],
  next: number,
  quantity: number,
): { readonly taken: CounterRange[]; readonly left: CounterRange[] } {
  const [roomy] = free
    .filter(({ first, end }) => end - first >= quantity)
    .sort((a, b) => a.end - a.first - b.end + b.first);
  const taken: CounterRange[] = [];
  const left: CounterRange[] = [];
  let missing = quantity;
  for (const range of free) {
    const count = roomy === undefined || range === roomy ? Math.min(missing, range.end - range.first) : 0;
    const border = range.first + count;
    if (count > 0) taken.push({ first: range.first, end: border });
    if (border < range.end) left.push({ first: border, end: range.end });
    missing -= count;
  }
  if (missing > 0) taken.push({ first: next, end: next + missing });
  return { taken, left };
}

/** PostgreSQL writes `{[0,5),[7,9)}`. */
function rangesOf(text: string): CounterRange[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, first, end]) => ({ first: Number(first), end: Number(end) }));
}

const textOf = (ranges: readonly CounterRange[]): string =>
  `{${ranges.map(({ first, end }) => `[${first},${end})`).join()}}`;
