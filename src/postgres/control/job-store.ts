/** The table of jobs: what was asked for, how far it is, what became of it. */
import type pg from 'pg';
import { transaction, transactionIf } from '../connection.js';
import { dropReservation, giveBack, jobHolder, reserve } from '../staging/counters.js';
import { removeBatch } from '../staging/staged-batches.js';
import type { JobRow, JobStore, Reserved } from '../store.js';

type Use = <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;

const COLUMNS = 'id, kind, status, done, total, started_ms, finished_ms, error, detail, fingerprint';

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly status: JobRow['status'];
  readonly done: string;
  readonly total: string | null;
  readonly started_ms: string;
  readonly finished_ms: string | null;
  readonly error: string | null;
  readonly detail: string | null;
  readonly fingerprint: string | null;
}

/** `use` borrows a connection for something short. */
export function createJobStore(use: Use): JobStore {
  const select = (where: string, values: readonly unknown[]): Promise<JobRow[]> =>
    use(async (client) => {
      const { rows } = await client.query<Row>(`SELECT ${COLUMNS} FROM jobs WHERE ${where}`, [...values]);
      return rows.map(jobOf);
    });

  return {
    async createJob(job, requestKey, counters) {
      const created = await use((client) =>
        transactionIf(client, isMade, async () => {
          const isNew = await insertJob(client, job, requestKey);
          return isNew ? reserve(client, jobHolder(job.id), counters, job.total, false) : null;
        }),
      );
      if (created !== null) return created;
      const [earlier] = await select('request_key = $1', [requestKey]);
      if (earlier === undefined) throw new Error('a job was there and is not');
      return { kind: 'earlier', job: earlier };
    },
    restoreJob: (job, requestKey) =>
      use((client) =>
        transaction(client, 'BEGIN', async () => {
          await insertJob(client, job, requestKey);
        }),
      ),
    async jobById(id) {
      const [found] = await select('id::text = $1', [id]);
      return found ?? null;
    },
    async jobByRequestKey(requestKey) {
      const [found] = await select('request_key = $1', [requestKey]);
      return found ?? null;
    },
    jobsUnderWay: () => select(`status = 'processing' ORDER BY started_ms`, []),
    saveJob: (job) => use((client) => transaction(client, 'BEGIN', () => updateJob(client, job))),
    endJob: (job, batchId) =>
      use((client) =>
        transactionIf(
          client,
          (isEnded) => isEnded,
          async () => {
            if (job.status === 'completed') await dropReservation(client, jobHolder(job.id));
            else {
              if (batchId !== null && !(await removeBatch(client, batchId))) return false;
              await giveBack(client, jobHolder(job.id));
            }
            await updateJob(client, job);
            return true;
          },
        ),
      ),
    stagedBatch: (batchId) =>
      use(async (client) => {
        const { rows } = await client.query<{ size: number; count: number }>(
          'SELECT size, count FROM batches WHERE batch_id = $1 AND size IS NOT NULL',
          [batchId],
        );
        return rows[0] ?? null;
      }),
  };
}

const isMade = (reserved: Reserved | null): boolean => reserved?.kind === 'reserved';

/** False when it, or one of its `requestKey`, is there already. */
async function insertJob(client: pg.Client, job: JobRow, requestKey: string | null): Promise<boolean> {
  const { rowCount } = await client.query(
    `INSERT INTO jobs (id, kind, status, done, total, started_ms, finished_ms, detail, request_key, fingerprint)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
    [
      job.id,
      job.kind,
      job.status,
      job.done,
      job.total,
      job.startedMs,
      job.finishedMs,
      JSON.stringify(job.detail),
      requestKey,
      job.fingerprint,
    ],
  );
  return rowCount === 1;
}

async function updateJob(client: pg.Client, { id, status, done, finishedMs, error, detail }: JobRow): Promise<void> {
  await client.query(
    'UPDATE jobs SET status = $2, done = $3, finished_ms = $4, error = $5, detail = $6 WHERE id = $1',
    [id, status, done, finishedMs, error, JSON.stringify(detail)],
  );
}

function jobOf(row: Row): JobRow {
  return {
    id: row.id,
    kind: row.kind,
    status: row.status,
    done: Number(row.done),
    total: Number(row.total ?? 0),
    startedMs: Number(row.started_ms),
    finishedMs: row.finished_ms === null ? null : Number(row.finished_ms),
    error: row.error,
    detail: JSON.parse(row.detail ?? '{}') as JobRow['detail'],
    fingerprint: row.fingerprint === null ? null : Number(row.fingerprint),
  };
}
