/**
 * The row that says to which installation a database belongs and which process serves it: reading
 * it, taking it over, and keeping the lease.
 *
 *     free, or its lease is over ──claim──▶ ours ──renew every 2 s──▶ ours ──giveBack──▶ free
 *                                            │
 *                                            └── another claims ──▶ fenced: the next renewal or transaction says so
 *
 * All times are PostgreSQL's, so the clocks of two hosts need not agree. A process that can't reach
 * PostgreSQL goes on serving from its journal, and learns at the next renewal whether it was
 * replaced.
 */
import { createHash, randomUUID } from 'node:crypto';
import type pg from 'pg';
import { asSeq, asShardId, type Seq, type ShardId } from '../domain/ids.js';
import type { ProcessEnd } from '../platform/exit-codes.js';
import { connect, createLink, endQuietly, giveUp, transaction } from './connection.js';
import { type Claim, claimOver } from './fence.js';
import { refuseUnknown } from './migrate.js';
import type { Checkpoint } from './store.js';

export const LEASE_MS = 10_000;
const RENEW_MS = 2_000;
const RENEW_MS_MAX = 5_000;
/**
 * A predecessor that stands still in the middle of a transaction is waited for this long, then its
 * connection is ended.
 */
const LOCK_MS_MAX = 2_000;
const LOCK_TRIES_MAX = 5;
const LOCK_NOT_AVAILABLE = '55P03';

export interface InstallationRow {
  readonly id: string;
  readonly epoch: number;
  readonly holder: string | null;
  /** Host and process of the holder, or of the last one. */
  readonly place: string;
  readonly isAlive: boolean;
  /** When it was renewed last; for comparing only. */
  readonly seenAt: string;
  /** Where the id stands besides; null: it has not been written there yet. */
  readonly journal: string | null;
  readonly isDrained: boolean;
}

export interface DatabaseFacts {
  readonly installation: InstallationRow | null;
  /** Null: no server of any version has started on it. */
  readonly shardCount: number | null;
  /** Checkpoints of the shards that have one above 0. */
  readonly seqs: ReadonlyMap<ShardId, Seq>;
  readonly acceptedLosses: ReadonlySet<ShardId>;
}

/**
 * Also of a database that has no tables yet, or those of an older version. Rejects with
 * `DatabaseUnfit` for a newer one.
 */
export async function readDatabase(url: string): Promise<DatabaseFacts> {
  const client = await connect(url);
  try {
    await refuseUnknown(client);
    const { rows } = await client.query<{ isOurs: boolean; isNamed: boolean }>(
      `SELECT to_regclass('checkpoints') IS NOT NULL AS "isOurs", to_regclass('installation') IS NOT NULL AS "isNamed"`,
    );
    const { isOurs = false, isNamed = false } = rows[0] ?? {};
    const checkpoints = isOurs ? await readCheckpoints(client) : [];
    return {
      installation: isNamed ? await readRow(client, '') : null,
      // Every version gives each of its shards a checkpoint.
      shardCount: checkpoints.length === 0 ? null : checkpoints.length,
      seqs: new Map(checkpoints.filter(([, seq]) => seq > 0)),
      acceptedLosses: new Set(isNamed ? await acceptedShards(client) : []),
    };
  } finally {
    await endQuietly(client);
  }
}

async function readCheckpoints(client: pg.Client): Promise<[ShardId, Seq][]> {
  const { rows } = await client.query<{ shard: number; seq: string }>(
    'SELECT shard, seq FROM checkpoints ORDER BY shard',
  );
  return rows.map(({ shard, seq }) => [asShardId(shard), asSeq(Number(seq))]);
}

async function acceptedShards(client: pg.Client): Promise<ShardId[]> {
  const { rows } = await client.query<{ shard: number }>('SELECT shard FROM accepted_losses WHERE used_at IS NULL');
  return rows.map(({ shard }) => asShardId(shard));
}

async function readRow(client: pg.Client, lock: '' | 'FOR UPDATE'): Promise<InstallationRow | null> {
  const { rows } = await client.query<Omit<InstallationRow, 'epoch'> & { epoch: string }>(
    `SELECT id, epoch, holder, place, journal, is_drained AS "isDrained", seen_at::text AS "seenAt",
       holder IS NOT NULL AND seen_at > clock_timestamp() - interval '${LEASE_MS} ms' AS "isAlive"
     FROM installation ${lock}`,
  );
  const [row] = rows;
  return row === undefined ? null : { ...row, epoch: Number(row.epoch) };
}

/** The checkpoints with the hashes that go with them, also of an older version's database. */
export async function readCheckpointsOf(url: string): Promise<ReadonlyMap<ShardId, Checkpoint>> {
  const client = await connect(url);
  try {
    const { rows } = await client.query<{ row: { shard: number; seq: number; entry_hash?: string | null } }>(
      'SELECT to_jsonb(c) AS row FROM checkpoints AS c',
    );
    return new Map(
      rows.map(({ row: { shard, seq, entry_hash: hash } }) => [
        asShardId(shard),
        { seq: asSeq(seq), entryHash: typeof hash === 'string' ? Buffer.from(hash.slice(2), 'hex') : null },
      ]),
    );
  } finally {
    await endQuietly(client);
  }
}

export interface AcceptedLoss {
  readonly shard: ShardId;
  /** What is lost begins after this. */
  readonly afterSeq: number;
  /** The shard goes on after this. */
  readonly goesOn: number;
}

/**
 * Notes what the next start goes on without, and gives the database the id if it has none. A
 * checkpoint that is behind the journal goes forward to its end: what is between the two is lost.
 */
export function acceptLosses(url: string, id: string, losses: readonly AcceptedLoss[]): Promise<void> {
  return change(url, async (client) => {
    await client.query(
      `INSERT INTO installation (id, epoch, place, taken_at, seen_at, is_drained)
       VALUES ($1, 0, '', now(), now(), false) ON CONFLICT DO NOTHING`,
      [id],
    );
    // The next start writes the id into the journal, whatever is there.
    await client.query('UPDATE installation SET journal = NULL');
    await client.query('DELETE FROM accepted_losses WHERE used_at IS NULL');
    for (const { shard, afterSeq, goesOn } of losses) {
      await client.query('INSERT INTO accepted_losses (shard, after_seq, goes_on) VALUES ($1, $2, $3)', [
        shard,
        afterSeq,
        goesOn,
      ]);
      await client.query('UPDATE checkpoints SET seq = $2, entry_hash = NULL WHERE shard = $1', [shard, goesOn]);
    }
    await client.query(`DELETE FROM settings WHERE name = 'data_set'`);
  });
}

/**
 * Hash of what names the history that the sequences of the shards are of: the installation, and a
 * random number that is a new one after each accepted loss.
 */
export async function readDataSet(client: pg.Client): Promise<Uint8Array> {
  await client.query(`INSERT INTO settings (name, value) VALUES ('data_set', $1) ON CONFLICT DO NOTHING`, [
    randomUUID(),
  ]);
  const { rows } = await client.query<{ name: string }>(
    `SELECT id::text || ' ' || value AS name FROM installation, settings WHERE name = 'data_set'`,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the database belongs to no installation');
  return createHash('sha256').update(row.name).digest();
}

/** The next start writes the id into the journal, whatever is there. */
export const forgetJournal = (url: string): Promise<void> =>
  change(url, (client) => client.query('UPDATE installation SET journal = NULL'));

export const renameInstallation = (url: string, id: string): Promise<void> =>
  change(url, (client) => client.query('UPDATE installation SET id = $1, holder = NULL', [id]));

async function change(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = await connect(url);
  try {
    await transaction(client, 'BEGIN', () => work(client));
  } finally {
    await endQuietly(client);
  }
}

export interface Claimant {
  readonly holder: string;
  /** Host and process, for people. */
  readonly place: string;
}

/**
 * Takes the database over for the installation `id`, in one transaction; a database of none becomes
 * its. Resolves with null, and changes nothing, where the row is not what is expected any more;
 * null stands for no row.
 */
export async function claim(
  url: string,
  id: string,
  claimant: Claimant,
  isExpected: (found: InstallationRow | null) => boolean,
): Promise<Claim | null> {
  for (let tries = 1; ; tries++) {
    const client = await connect(url);
    try {
      const result = await claimOnce(client, id, claimant, isExpected);
      await endQuietly(client);
      return result;
    } catch (error) {
      giveUp(client);
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE || tries === LOCK_TRIES_MAX) throw error;
      await endHolders(url);
    }
  }
}

async function claimOnce(
  client: pg.Client,
  id: string,
  { holder, place }: Claimant,
  isExpected: (found: InstallationRow | null) => boolean,
): Promise<Claim | null> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = '${LOCK_MS_MAX}ms'`);
  // Whoever makes the row holds it until its end, so a second one waits here and then finds it.
  const inserted = await client.query(
    `INSERT INTO installation (id, epoch, place, taken_at, seen_at, is_drained)
     VALUES ($1, 0, '', now(), now(), false) ON CONFLICT DO NOTHING`,
    [id],
  );
  const found = inserted.rowCount === 1 ? null : await readRow(client, 'FOR UPDATE');
  if (!isExpected(found)) {
    await client.query('ROLLBACK');
    return null;
  }
  const { rows } = await client.query<{ epoch: string }>(
    `UPDATE installation SET epoch = epoch + 1, holder = $1, place = $2, taken_at = clock_timestamp(),
       seen_at = clock_timestamp(), is_drained = false RETURNING epoch`,
    [holder, place],
  );
  await client.query('COMMIT');
  return { epoch: Number(rows[0]?.epoch), holder };
}

/**
 * Ends the connections whose transactions hold the row: those of a process that stands still would
 * hold it for ever.
 */
async function endHolders(url: string): Promise<void> {
  const client = await connect(url);
  try {
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_locks
       WHERE locktype = 'relation' AND relation = 'installation'::regclass AND mode = 'RowShareLock' AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND pid <> pg_backend_pid()`,
    );
  } finally {
    await endQuietly(client);
  }
}

export interface Lease {
  /** Notes where the id stands besides. */
  noteJournal(journal: string): Promise<void>;
  /** Notes that the shards have gone on without what was accepted as lost. */
  noteLosses(): Promise<void>;
  /**
   * Ends the renewals and gives the row back. `isDrained`: everything in the journal is in
   * PostgreSQL.
   */
  giveBack(isDrained: boolean): Promise<void>;
}

/** Renews the claim until it is given back, or over; then `onLost` is told. */
export function keepLease(url: string, { epoch, holder }: Claim, onLost: (error: ProcessEnd) => void): Lease {
  const prepare = (client: pg.Client): Promise<unknown> => client.query(`SET statement_timeout = ${RENEW_MS_MAX}`);
  const link = createLink(url, prepare, { claim: { epoch, holder } });
  let isEnded = false;

  /** False: the claim is over. */
  const change = (set: string, values: readonly unknown[] = []): Promise<boolean> =>
    link.use(async (client) => {
      const text = `UPDATE installation SET ${set} WHERE epoch = $1 AND holder = $2`;
      const question = { text, values: [epoch, holder, ...values], query_timeout: RENEW_MS_MAX };
      const { rowCount } = await client.query(question);
      return rowCount === 1;
    });

  function lose(error: ProcessEnd): void {
    if (isEnded) return;
    end();
    onLost(error);
  }

  function end(): void {
    isEnded = true;
    clearInterval(timer);
  }

  let isRenewing = false;
  const timer = setInterval(() => {
    if (isRenewing) return;
    isRenewing = true;
    change('seen_at = clock_timestamp()')
      .then(
        (isOurs) => {
          if (!isOurs) lose(claimOver());
        },
        // PostgreSQL is away. The projector says so, and the lease is renewed when it is back.
        () => undefined,
      )
      .finally(() => {
        isRenewing = false;
      });
  }, RENEW_MS);
  timer.unref();

  return {
    async noteJournal(journal) {
      if (!(await change('journal = $3', [journal]))) throw claimOver();
    },
    async noteLosses() {
      await link.use((client) =>
        transaction(client, 'BEGIN', () =>
          client.query('UPDATE accepted_losses SET used_at = now() WHERE used_at IS NULL'),
        ),
      );
    },
    async giveBack(isDrained) {
      end();
      // Where PostgreSQL is away the lease just ends.
      await change('holder = NULL, is_drained = $3', [isDrained]).catch(() => undefined);
      await link.close();
    },
  };
}
