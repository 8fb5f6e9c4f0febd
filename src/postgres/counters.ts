/**
 * The counters that generated codes are made from: each gives one code of its book's pattern, and none may be used twice.
 *
 *     free ──reserve──▶ reserved ──dropReservation──▶ used        its codes are live
 *      ▲                    │
 *      └────────giveBack────┘                                     its codes are not live and never will be
 *
 * All changes of one pattern's counters lock its row in `generated`, so they happen one after the other, however many callers
 * ask at once. A reservation is a row that survives a crash: after a restart its holder finds out whether the codes became
 * live, and then either drops it or gives it back.
 *
 * `reserve`, `giveBack` and `dropReservation` have to be called within a transaction.
 */
import type pg from 'pg';
import type { CounterRange } from '../domain/batch.js';
import { transaction, transactionIf } from './connection.js';
import type { CounterHolder, CounterStore, PatternCounters, Reserved } from './store.js';

/**
 * Free ranges that one pattern keeps. They are separated by used counters, so there are many of them only where many
 * generations were given up beside many that were not. Beyond the bound the smallest ones are forgotten, and their codes
 * are never made.
 */
const FREE_RANGES_MAX = 1_000;

export const batchHolder = (batchId: number): CounterHolder => `batch ${batchId}`;
export const jobHolder = (jobId: string): CounterHolder => `job ${jobId}`;
/** Until the request's batch is open. */
export const requestHolder = (id: string): CounterHolder => `request ${id}`;

type Use = <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;

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
 * Takes `quantity` counters for `holder`, or with `orFewer` as many as there are. `short`, when there are too few (with
 * `orFewer`: none): then the caller has to roll back.
 */
export async function reserve(
  client: pg.Client,
  holder: CounterHolder,
  { bookId, pattern, counterCount }: PatternCounters,
  quantity: number,
  orFewer: boolean,
): Promise<Reserved> {
  const { rows } = await client.query<{ next: string; free: string }>(
    `INSERT INTO generated AS g (book_id, pattern, next) VALUES ($1, $2, 0)
     ON CONFLICT (book_id, pattern) DO UPDATE SET next = g.next
     RETURNING next, free::text`,
    [bookId, pattern],
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
  await client.query('UPDATE generated SET next = $3, free = $4::int8multirange WHERE book_id = $1 AND pattern = $2', [
    bookId,
    pattern,
    past,
    textOf(left),
  ]);
  await client.query(
    `INSERT INTO reserved_counters AS r (holder, book_id, pattern, ranges) VALUES ($1, $2, $3, $4::int8multirange)
     ON CONFLICT (holder) DO UPDATE SET ranges = r.ranges + excluded.ranges`,
    [holder, bookId, pattern, textOf(taken)],
  );
  return { kind: 'reserved', ranges: taken };
}

/** The holder's counters can be taken by others again. Nothing happens when it holds none. */
export async function giveBack(client: pg.Client, holder: CounterHolder): Promise<void> {
  const { rows } = await client.query<{ bookId: string; pattern: string; ranges: string }>(
    'DELETE FROM reserved_counters WHERE holder = $1 RETURNING book_id AS "bookId", pattern, ranges::text',
    [holder],
  );
  const [held] = rows;
  if (held === undefined) return;
  const { rows: merged } = await client.query<{ next: string; free: string }>(
    `UPDATE generated SET free = (
       SELECT coalesce(range_agg(kept), '{}') FROM (
         SELECT kept FROM unnest(free + $3::int8multirange) AS kept ORDER BY upper(kept) - lower(kept) DESC LIMIT $4
       ) AS largest
     ) WHERE book_id = $1 AND pattern = $2 RETURNING next, free::text`,
    [held.bookId, held.pattern, held.ranges, FREE_RANGES_MAX],
  );
  const free = rangesOf(merged[0]?.free ?? '');
  const last = free.at(-1);
  if (last === undefined || last.end !== Number(merged[0]?.next)) return;
  // The range below `next` joins what was never taken.
  await client.query('UPDATE generated SET next = $3, free = $4::int8multirange WHERE book_id = $1 AND pattern = $2', [
    held.bookId,
    held.pattern,
    last.first,
    textOf(free.slice(0, -1)),
  ]);
}

/** The holder's codes are live: its counters are used for good. */
export async function dropReservation(client: pg.Client, holder: CounterHolder): Promise<void> {
  await client.query('DELETE FROM reserved_counters WHERE holder = $1', [holder]);
}

export const countersIn = (ranges: readonly CounterRange[]): number =>
  ranges.reduce((sum, { first, end }) => sum + end - first, 0);

/**
 * Free ranges come first. One that has room for all is used alone, the smallest such one, which keeps the others whole;
 * otherwise they are used up from the lowest on, and the rest comes from `next`.
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
