/**
 * The peer that uses PostgreSQL, as most coupon services do: a row per code,
 * `FOR UPDATE SKIP LOCKED` to find a free one, an audit row, one transaction per request.
 *
 * It is tuned well for PostgreSQL: all of a request is one statement, hence one round trip and one
 * implicit transaction, prepared once per connection; free codes are found by a partial index, so
 * that taken ones cost nothing, and from a random place in it, so that they don't all queue for the
 * same ones (without that, each request steps over the rows that all others have locked, and a rate
 * of 2,700 a second is all there is); pages keep room; a pool as large as this machine likes best,
 * so that commits share their syncs. A `BEGIN`, `SELECT`, `UPDATE`, `INSERT`, `COMMIT` of the usual
 * kind takes five round trips and is slower.
 */
import pg from 'pg';
import type { Assigned, PeerStore, Redeemed, Refused } from './service.js';

/** Measured on two cores: 8 and 16 give less, 64 gives no more. */
const CONNECTIONS = 32;

export const POSTGRES_SCHEMA = `
  CREATE TABLE books (
    id             uuid PRIMARY KEY,
    name           text NOT NULL,
    redeemable_by  text NOT NULL,
    is_active      boolean NOT NULL DEFAULT true,
    start_at       timestamptz,
    end_at         timestamptz
  );
  CREATE TABLE codes (
    code         text COLLATE "C" PRIMARY KEY,
    book_id      uuid NOT NULL REFERENCES books,
    status       text NOT NULL DEFAULT 'available',
    user_id      text,
    assigned_at  timestamptz,
    redeemed_at  timestamptz,
    redemptions  integer NOT NULL DEFAULT 0,
    place        float8 NOT NULL DEFAULT random()
  ) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
  CREATE INDEX codes_available ON codes (book_id, place) WHERE status = 'available';
  CREATE INDEX codes_user ON codes (user_id) WHERE user_id IS NOT NULL;
  CREATE TABLE audit (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at             timestamptz NOT NULL,
    event          text NOT NULL,
    book_id        uuid NOT NULL,
    code           text COLLATE "C" NOT NULL,
    user_id        text NOT NULL,
    redemption_id  uuid
  )`;

const IS_OPEN = `b.is_active AND (b.start_at IS NULL OR b.start_at <= now()) AND (b.end_at IS NULL OR b.end_at > now())`;

/** $3 is the place to look from: a number from 0 to 1. */
const ASSIGN = {
  name: 'assign',
  text: `
    WITH picked AS (
      SELECT c.code FROM codes c
      WHERE c.book_id = (SELECT b.id FROM books b WHERE b.id = $1 AND ${IS_OPEN}) AND c.status = 'available'
        AND c.place >= $3
      ORDER BY c.place LIMIT 1 FOR UPDATE SKIP LOCKED
    ), taken AS (
      UPDATE codes c SET status = 'assigned', user_id = $2, assigned_at = now()
      FROM picked WHERE c.code = picked.code
      RETURNING c.code, c.book_id, c.user_id, c.assigned_at
    ), audited AS (
      INSERT INTO audit (at, event, book_id, code, user_id)
      SELECT assigned_at, 'assigned', book_id, code, user_id FROM taken
    )
    SELECT code, (extract(epoch FROM assigned_at) * 1000)::float8 AS at_ms FROM taken`,
};

/**
 * The update itself waits for the row's lock and looks at it again: of two at once, the second
 * finds it redeemed.
 */
const REDEEM = {
  name: 'redeem',
  text: `
    WITH used AS (
      UPDATE codes c
      SET status = 'redeemed', user_id = $2, assigned_at = coalesce(c.assigned_at, now()), redeemed_at = now(),
          redemptions = c.redemptions + 1
      FROM books b
      WHERE c.code = $1 AND b.id = c.book_id AND ${IS_OPEN} AND c.redemptions = 0
        AND (c.user_id = $2 OR (c.user_id IS NULL AND b.redeemable_by = 'bearer'))
      RETURNING c.code, c.book_id, c.user_id, c.redeemed_at, gen_random_uuid() AS redemption_id
    ), audited AS (
      INSERT INTO audit (at, event, book_id, code, user_id, redemption_id)
      SELECT redeemed_at, 'redeemed', book_id, code, user_id, redemption_id FROM used
    )
    SELECT redemption_id, (extract(epoch FROM redeemed_at) * 1000)::float8 AS at_ms FROM used`,
};

const BOOK_STATE = { name: 'book-state', text: `SELECT ${IS_OPEN} AS is_open FROM books b WHERE b.id = $1` };

const CODE_STATE = {
  name: 'code-state',
  text: `SELECT c.redemptions > 0 AS is_used, ${IS_OPEN} AS is_open FROM codes c JOIN books b ON b.id = c.book_id WHERE c.code = $1`,
};

export function openPostgresStore(url: string): PeerStore {
  const pool = new pg.Pool({ connectionString: url, max: CONNECTIONS, min: CONNECTIONS, idleTimeoutMillis: 0 });

  async function firstRow<T extends pg.QueryResultRow>(
    statement: { readonly name: string; readonly text: string },
    ...values: (string | number)[]
  ): Promise<T | undefined> {
    const { rows } = await pool.query<T>({ ...statement, values });
    return rows[0];
  }

  return {
    async assign(bookId, userId): Promise<Assigned | Refused> {
      const takeFrom = (place: number) => firstRow<{ code: string; at_ms: number }>(ASSIGN, bookId, userId, place);
      // When there is none from the random place on, there may be one before it.
      const taken = (await takeFrom(Math.random())) ?? (await takeFrom(0));
      if (taken !== undefined) return { kind: 'assigned', code: taken.code, atMs: taken.at_ms };
      const book = await firstRow<{ is_open: boolean }>(BOOK_STATE, bookId);
      return { kind: book === undefined ? 'noBook' : book.is_open ? 'noneAvailable' : 'notActive' };
    },
    async redeem(code, userId): Promise<Redeemed | Refused> {
      const used = await firstRow<{ redemption_id: string; at_ms: number }>(REDEEM, code, userId);
      if (used !== undefined) return { kind: 'redeemed', redemptionId: used.redemption_id, atMs: used.at_ms };
      const state = await firstRow<{ is_used: boolean; is_open: boolean }>(CODE_STATE, code);
      if (state === undefined) return { kind: 'noCode' };
      return { kind: !state.is_open ? 'notActive' : state.is_used ? 'usedUp' : 'noCode' };
    },
    close: () => pool.end(),
  };
}
