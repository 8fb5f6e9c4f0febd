/** Reads the audit rows of a shard in the order of their sequences. */
import type pg from 'pg';
import { asSeq, type Seq, type ShardId } from '../domain/ids.js';
import { createLink } from './connection.js';

export interface AuditRow {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly atMs: number;
  /** The event's number, as `change_kinds` has it. */
  readonly kind: number;
  /** The book or the campaign. */
  readonly bookId: string;
  readonly code: string | null;
  readonly userId: string | null;
  readonly lockId: number | null;
  readonly untilMs: number | null;
  readonly redemptionId: string | null;
  readonly redemptionCount: number | null;
  readonly detail: Readonly<Record<string, unknown>> | null;
}

/** Rows about any of these; a row needs to match one only. */
export interface AuditFilter {
  /** Books and campaigns. */
  readonly scopeIds: readonly string[];
  readonly codes: readonly string[];
  readonly userIds: readonly string[];
  /** Numbers of events. */
  readonly kinds: readonly number[];
}

interface AuditRows {
  readonly rows: readonly AuditRow[];
  /** They are complete through this sequence. */
  readonly lastSeq: Seq;
}

export interface AuditReader {
  /**
   * Rows after `afterSeq` that match the filter (null: all rows), through `throughSeq` or as far as
   * PostgreSQL has them. Rejects while PostgreSQL is away, and when it has none of them yet.
   */
  read(shard: ShardId, afterSeq: Seq, throughSeq: Seq, filter: AuditFilter | null): Promise<AuditRows>;
  close(): Promise<void>;
}

const QUERY = `
  SELECT seq, at_ms, kind, book_id, code, user_id, lock_id, until_ms, redemption_id, redemption_count, detail
  FROM changes
  WHERE shard = $1 AND seq > $2 AND seq <= $3
    AND ($4::uuid[] IS NULL OR book_id = ANY($4::uuid[]) OR code = ANY($5::text[]) OR user_id = ANY($6::text[])
      OR kind = ANY($7::smallint[]))
  ORDER BY seq`;

interface Row {
  readonly seq: string;
  readonly at_ms: string;
  readonly kind: number;
  readonly book_id: string;
  readonly code: string | null;
  readonly user_id: string | null;
  readonly lock_id: string | null;
  readonly until_ms: string | null;
  readonly redemption_id: string | null;
  readonly redemption_count: number | null;
  readonly detail: string | null;
}

/** Connects when it is first used. */
export function createAuditReader(url: string): AuditReader {
  const link = createLink(url, () => Promise.resolve());
  return {
    read: (shard, afterSeq, throughSeq, filter) =>
      link.use(async (client) => {
        const lastSeq = asSeq(Math.min(throughSeq, await checkpointOf(client, shard)));
        if (lastSeq <= afterSeq) throw new Error(`PostgreSQL has shard ${shard} through ${lastSeq} only`);
        const { rows } = await client.query<Row>({
          name: 'audit',
          text: QUERY,
          values: [shard, afterSeq, lastSeq, filter?.scopeIds, filter?.codes, filter?.userIds, filter?.kinds],
        });
        return { rows: rows.map((row) => auditRow(shard, row)), lastSeq };
      }),
    close: () => link.close(),
  };
}

async function checkpointOf(client: pg.Client, shard: ShardId): Promise<number> {
  const { rows } = await client.query<{ seq: string }>('SELECT seq FROM checkpoints WHERE shard = $1', [shard]);
  return Number(rows[0]?.seq ?? 0);
}

function auditRow(shard: ShardId, row: Row): AuditRow {
  return {
    shard,
    seq: asSeq(Number(row.seq)),
    atMs: Number(row.at_ms),
    kind: row.kind,
    bookId: row.book_id,
    code: row.code,
    userId: row.user_id,
    lockId: row.lock_id === null ? null : Number(row.lock_id),
    untilMs: row.until_ms === null ? null : Number(row.until_ms),
    redemptionId: row.redemption_id,
    redemptionCount: row.redemption_count,
    detail: row.detail === null ? null : (JSON.parse(row.detail) as Record<string, unknown>),
  };
}
