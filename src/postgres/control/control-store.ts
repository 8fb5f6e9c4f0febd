/**
 * The main thread's access to PostgreSQL: staging, history, accounts. It is not on the hot path.
 */
import pg from 'pg';
import type { DomainEvent } from '../../domain/event.js';
import { asSeq, asShardId } from '../../domain/ids.js';
import type { ProcessEnd } from '../../platform/exit-codes.js';
import { eventNumbers } from '../../records/events.generated.js';
import { commitDurably, giveUp, transaction } from '../connection.js';
import { type Claim, type Fence, fenceClient } from '../fence.js';
import { readDataSet } from '../installation.js';
import { agreeOnShards } from '../migrate.js';
import { createCounterStore } from '../staging/counters.js';
import { discardBatch, settledBatches, unsettledBatches } from '../staging/staged-batches.js';
import { createStaging } from '../staging/staging.js';
import type { ControlStore, HistoryEntry } from '../store.js';
import { createAccountStore } from './account-store.js';
import { type GeneratorKeyOptions, openGeneratorKeys } from './generator-keys.js';
import { createJobStore } from './job-store.js';
import { createUsageStore } from './usage-store.js';

export interface ControlStoreOptions {
  readonly url: string;
  /**
   * Connections for short questions. Each big batch that is being staged has one more of its own.
   */
  readonly poolMax: number;
  readonly shardCount: number;
  /** It is the embedded one. */
  readonly isOwn: boolean;
  /** Checked by each transaction. Absent where no other process can have the database. */
  readonly claim?: Claim;
  /** Told when the claim was found to be over. */
  readonly onLost?: (error: ProcessEnd) => void;
}

const CONNECT_MS_MAX = 5_000;
const QUERY_MS_MAX = 60_000;

/**
 * Connects when it is first used. Every method rejects while PostgreSQL is away and may be called
 * again.
 */
export function createControlStore({
  url,
  poolMax,
  shardCount,
  isOwn,
  claim,
  onLost,
}: ControlStoreOptions): ControlStore & {
  /** Throws when this database was begun with another number of shards; notes it in a new one. */
  checkShardCount(): Promise<void>;
  /**
   * Times in the journal that an operator accepted although the clock was far behind them: up to
   * this one. 0: none.
   */
  acceptedClockMs(): Promise<number>;
  acceptClock(throughMs: number): Promise<void>;
  openGeneratorKeys(options: GeneratorKeyOptions): ReturnType<typeof openGeneratorKeys>;
  /** Names the history that sequences are of: another one after an accepted loss. 32 bytes. */
  dataSet(): Promise<Uint8Array>;
} {
  const fence: Fence | undefined = claim === undefined ? undefined : { claim, onLost };
  const pool = new pg.Pool({
    connectionString: url,
    application_name: 'clipbook-control',
    max: poolMax,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    query_timeout: QUERY_MS_MAX,
    keepAlive: true,
    // Runs once per connection, before anybody gets it.
    verify: (client, done) => void commitDurably(client).then(() => done(), done),
    // Idle connections must not keep the process alive.
    allowExitOnIdle: true,
  });
  // A resting connection that breaks is replaced by the pool; the event would end the process if
  // nobody heard it.
  pool.on('error', () => undefined);
  // And one that is lent out, between two queries, has nobody to hear it but this.
  pool.on('connect', (client) => {
    client.on('error', () => undefined);
    fenceClient(client, fence);
  });

  /**
   * A failed operation leaves its connection in an unknown state, so it must not be reused.
   */
  async function use<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    try {
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      client.release(true);
      giveUp(client);
      throw error;
    }
  }

  /** A transaction, so that it is fenced. */
  const change = <T>(work: (client: pg.Client) => Promise<T>): Promise<T> =>
    use((client) => transaction(client, 'BEGIN', () => work(client)));

  return {
    checkShardCount: () => agreeOnShards(url, shardCount),
    openGeneratorKeys: (options) => change((client) => openGeneratorKeys(client, options)),
    dataSet: () => change(readDataSet),
    async acceptedClockMs() {
      const { rows } = await pool.query<{ value: string }>(
        `SELECT value FROM settings WHERE name = 'accepted_clock_ms'`,
      );
      return Number(rows[0]?.value ?? 0);
    },
    async acceptClock(throughMs) {
      await change((client) =>
        client.query(
          `INSERT INTO settings (name, value) VALUES ('accepted_clock_ms', $1)
           ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
          [String(throughMs)],
        ),
      );
    },
    stage: (shard, bookId) => createStaging({ url, use, isOwn, fence, shard, bookId }),
    discardBatch: (batchId) => use((client) => discardBatch(client, batchId)),
    unsettledBatches: () => use(unsettledBatches),
    settledBatches: (batchIds) => use((client) => settledBatches(client, batchIds)),
    ...createJobStore(use),
    ...createCounterStore(use),
    ...createUsageStore(use),
    async history(shard, code, beforeSeq, limit) {
      const { rows } = await pool.query<HistoryRow>({
        name: 'history',
        text: HISTORY,
        values: [shard, code, beforeSeq, limit],
      });
      return rows.map((row) => historyEntry(shard, code, row));
    },
    async checkpoint(shard) {
      const { rows } = await pool.query<{ seq: string }>('SELECT seq FROM checkpoints WHERE shard = $1', [shard]);
      return asSeq(Number(rows[0]?.seq ?? 0));
    },
    async existingCodes(codes) {
      const { rows } = await pool.query<{ code: string }>('SELECT code FROM codes WHERE code = ANY($1::text[])', [
        codes,
      ]);
      return new Set(rows.map(({ code }) => code));
    },
    ...createAccountStore(pool, change),
    close: () => pool.end(),
  };
}

/**
 * Follows the chain of one code: from its last event, or from the one before `$3`, backwards along
 * `prev_seq`. Each step is one look-up by primary key, so a page costs its own length, however long
 * the history is.
 */
const HISTORY = `
  WITH RECURSIVE chain AS (
    SELECT c.*, 1 AS place FROM changes AS c
    WHERE c.shard = $1::smallint AND c.code = $2 AND c.seq = CASE
      WHEN $3::bigint IS NULL THEN (
        SELECT codes.seq FROM codes JOIN batches USING (batch_id)
        WHERE codes.code = $2 AND batches.shard = $1::smallint AND batches.live_seq IS NOT NULL
      )
      ELSE (SELECT b.prev_seq FROM changes AS b WHERE b.shard = $1::smallint AND b.seq = $3::bigint AND b.code = $2)
    END
    UNION ALL
    SELECT c.*, chain.place + 1 FROM chain JOIN changes AS c ON c.shard = $1::smallint AND c.seq = chain.prev_seq
    WHERE chain.place < $4::int
  )
  SELECT seq, at_ms, kind, redemption_count, lock_id, until_ms, redemption_id, user_id, caller, request_id, detail
  FROM chain ORDER BY place LIMIT $4::int`;

interface HistoryRow {
  readonly seq: string;
  readonly at_ms: string;
  readonly kind: number;
  readonly redemption_count: number | null;
  readonly lock_id: string | null;
  readonly until_ms: string | null;
  readonly redemption_id: string | null;
  readonly user_id: string | null;
  readonly caller: string;
  readonly request_id: string;
  readonly detail: string | null;
}

const KIND_NAMES = new Map(Object.entries(eventNumbers).map(([name, number]) => [number, name as DomainEvent['kind']]));

function historyEntry(shard: number, code: string, row: HistoryRow): HistoryEntry {
  const event = KIND_NAMES.get(row.kind);
  if (event === undefined) throw new Error(`change ${shard}-${row.seq} is of unknown kind ${row.kind}`);
  const detail = {
    ...(row.lock_id === null ? {} : { lockId: Number(row.lock_id) }),
    ...(row.until_ms === null ? {} : { lockedUntil: new Date(Number(row.until_ms)).toISOString() }),
    ...(row.redemption_count === null ? {} : { redemptionCount: row.redemption_count }),
    ...(row.detail === null ? {} : (JSON.parse(row.detail) as Record<string, unknown>)),
  };
  return {
    shard: asShardId(shard),
    seq: asSeq(Number(row.seq)),
    atMs: Number(row.at_ms),
    event,
    code,
    userId: row.user_id,
    caller: row.caller,
    requestId: row.request_id,
    redemptionId: row.redemption_id,
    detail: Object.keys(detail).length === 0 ? null : detail,
  };
}
