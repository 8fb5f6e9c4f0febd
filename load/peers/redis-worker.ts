/**
 * Carries the Redis peer's stream into PostgreSQL, in batches: the audit rows and the codes' new
 * state in one transaction, together with the place in the stream where it ends. Then the stream is
 * cut there, so its length is what is left to do.
 */
import { Redis } from 'ioredis';
import pg from 'pg';
import { STREAM } from './redis-peer.js';

const BATCH_MAX = 5_000;
const BLOCK_MS = 500;

export const WORKER_SCHEMA = `
  CREATE TABLE progress (last_id text NOT NULL);
  INSERT INTO progress VALUES ('0-0')`;

const APPLY = {
  name: 'apply',
  text: `
    WITH batch AS (
      SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::float8[], $6::uuid[])
        AS change (event, book_id, code, user_id, at_ms, redemption_id)
    ), audited AS (
      INSERT INTO audit (at, event, book_id, code, user_id, redemption_id)
      SELECT to_timestamp(at_ms / 1000), event, book_id, code, user_id, redemption_id FROM batch
    ), last AS (
      -- A code that was assigned and redeemed in the same batch is in it twice.
      SELECT DISTINCT ON (code) * FROM batch ORDER BY code, event DESC
    ), moved AS (
      UPDATE codes c
      SET status = last.event, user_id = last.user_id,
          assigned_at = coalesce(c.assigned_at, to_timestamp(last.at_ms / 1000)),
          redeemed_at = CASE last.event WHEN 'redeemed' THEN to_timestamp(last.at_ms / 1000) END,
          redemptions = CASE last.event WHEN 'redeemed' THEN 1 ELSE 0 END
      FROM last WHERE c.code = last.code
    )
    UPDATE progress SET last_id = $7`,
};

type Entry = readonly [id: string, fields: readonly string[]];

/** Until `isOver`. */
export async function carryOver(redisUrl: string, databaseUrl: string, isOver: () => boolean): Promise<void> {
  const redis = new Redis(redisUrl);
  const database = new pg.Client(databaseUrl);
  await database.connect();
  const { rows } = await database.query<{ last_id: string }>('SELECT last_id FROM progress');
  let lastId = rows[0]?.last_id ?? '0-0';
  while (!isOver()) {
    const found = await redis.xread('COUNT', BATCH_MAX, 'BLOCK', BLOCK_MS, 'STREAMS', STREAM, lastId);
    const entries: readonly Entry[] = found?.[0]?.[1] ?? [];
    const last = entries.at(-1);
    if (last === undefined) continue;
    lastId = last[0];
    await database.query({ ...APPLY, values: [...columnsOf(entries), lastId] });
    await redis.xtrim(STREAM, 'MINID', following(lastId));
  }
  await redis.quit();
  await database.end();
}

/** Fields come as name, value, name, value, in the order in which the scripts add them. */
function columnsOf(entries: readonly Entry[]): (string | number | null)[][] {
  const value = (at: number): (string | null)[] => entries.map(([, fields]) => fields[at] ?? null);
  return [value(1), value(3), value(5), value(7), value(9).map(Number), value(11)];
}

/** The least id above this one. */
function following(id: string): string {
  const [time, count] = id.split('-');
  return `${time}-${Number(count) + 1}`;
}
