/**
 * Staging a batch of codes: they go into `codes` under a batch that nobody sees, all in one transaction at `finish`.
 *
 * A few codes are kept here until then and inserted with one statement. From `HELD_BYTES_MAX` on they are streamed by
 * COPY into a temporary table on a connection of the batch's own (no WAL, no index, gone with the connection), in pieces of
 * `PIECE_BYTES`: a transaction that lasts as long as a slow upload would keep PostgreSQL from clearing up behind
 * every update of the projector.
 *
 * At the end PostgreSQL sorts them, without repetitions, and what comes out of that COPY goes, byte for byte, into a
 * second COPY on another connection:
 *
 *     COPY (SELECT … ORDER BY code) TO STDOUT ──▶ COPY codes FROM STDIN
 *
 * The detour through us pays twice. COPY puts in a page of rows at a time where INSERT … SELECT puts in one row; and
 * an index that is filled in order touches each of its pages once, where a plain COPY of random codes touches a page per
 * code. `ON CONFLICT DO NOTHING` makes each row a speculative insertion and costs more than all the rest.
 *
 * Ordinals are given in the order of the code too, so that a shard that loads the batch fills its own tables from front
 * to back, and so that two batches that bring the same codes at once wait for each other and don't deadlock: both go
 * upwards. The later one is then refused by the unique index, and inserts again, code by code, around what is there.
 *
 * Codes that exist already are rare, and looking for each beforehand costs more than putting it in (220,000 codes/s without,
 * 60,000 to 100,000 with, on a table of some millions). So the first try takes for granted that all are new; the unique index
 * refuses it where one was there, and only then they are looked for. For generated codes `refill` brings others in their place,
 * and the whole is begun again.
 */
import type pg from 'pg';
import type { BookId, ShardId } from '../domain/ids.js';
import { connectForBulk, endQuietly, giveUp, orLost, transaction, transactionIf } from './connection.js';
import { copyFramesIn, copyFramesOut } from './copy-frames.js';
import { copyTextIn } from './copy-in.js';
import { beginBatch, completeBatch, discardBatch, fillBatch, isTaken } from './staged-batches.js';
import type { Staging } from './store.js';
import { openStraightRows, type StraightRows } from './straight-rows.js';

const HELD_BYTES_MAX = 64 * 1024;
const PIECE_BYTES = 1024 * 1024;

interface Finished {
  readonly size: number;
  readonly count: number;
  readonly duplicates: number;
}

type Refill = (missing: number) => Promise<boolean>;

export interface StagingOptions {
  readonly url: string;
  /** Borrows a pooled connection for something short. */
  readonly use: <T>(work: (client: pg.Client) => Promise<T>) => Promise<T>;
  /** PostgreSQL is ours and on this machine: bulk work may be told to step back. */
  readonly isOwn: boolean;
  readonly shard: ShardId;
  readonly bookId: BookId;
}

/** Rejects, here and in every call, when PostgreSQL can't be reached; then nothing of the batch will ever be live. */
export async function openStaging({ url, use, isOwn, shard, bookId }: StagingOptions): Promise<Staging> {
  const batchId = await use((client) => beginBatch(client, shard, bookId));
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let rowCount = 0;
  let bulk: BulkTable | null = null;
  let straight: StraightRows | null = null;
  let finishing = false;
  let discarded = false;

  async function writeRows(bytes: Uint8Array, count: number): Promise<void> {
    if (discarded) throw new Error(`batch ${batchId} takes no more codes`);
    rowCount += count;
    if (bulk !== null) return bulk.write(bytes, count);
    held.push(bytes);
    heldBytes += bytes.length;
    if (heldBytes > HELD_BYTES_MAX) await spill();
  }

  async function spill(): Promise<BulkTable> {
    const opened = await openBulkTable(() => connectForBulk(url, isOwn));
    bulk = opened;
    const first = held;
    held = [];
    if (discarded) opened.giveUp();
    else if (rowCount > 0) await opened.write(Buffer.concat(first), rowCount);
    return opened;
  }

  function abandon(): void {
    discarded = true;
    held = [];
    bulk?.giveUp();
    straight?.giveUp();
  }

  return {
    batchId,
    writeRows,
    async write(codes) {
      if (finishing) throw new Error(`batch ${batchId} takes no more codes`);
      if (codes.length > 0) await writeRows(Buffer.from(`${codes.join('\n')}\n`, 'latin1'), codes.length);
    },
    async copyRows(produce) {
      if (finishing || discarded) throw new Error(`batch ${batchId} takes no more codes`);
      straight = await openStraightRows(url, isOwn, batchId);
      if (discarded) straight.giveUp();
      const count = await straight.copy(produce);
      finishing = count !== null;
      return count;
    },
    async finish(refill) {
      if (finishing || discarded) throw new Error(`batch ${batchId} is finished already`);
      finishing = true;
      const wanted = rowCount;
      let refills: Refill | null = refill ?? null;
      for (let looksFirst = false; bulk === null; looksFirst = true) {
        const codes = linesOf(held);
        const countMin = refills === null ? 0 : wanted;
        const moved = await use((client) => insertHeld(client, batchId, codes, looksFirst, countMin));
        if (moved.count >= countMin) return moved;
        // No connection is held meanwhile: the refill needs one.
        if ((await refills?.(wanted - moved.count)) !== true) refills = null;
      }
      const table: BulkTable = bulk;
      const finished = await table.moveTo(batchId, refills, wanted);
      await table.close();
      return finished;
    },
    loaded: () => bulk?.loaded() ?? 0,
    abandon,
    async discard() {
      abandon();
      await use((client) => discardBatch(client, batchId));
    },
  };
}

const linesOf = (held: readonly Uint8Array[]): string[] =>
  held.length === 0 ? [] : Buffer.concat(held).toString('latin1').slice(0, -1).split('\n');

/** Fewer than `countMin` are not kept. */
function insertHeld(
  client: pg.Client,
  batchId: number,
  codes: readonly string[],
  looksFirst: boolean,
  countMin: number,
): Promise<Finished> {
  const given = 'unnest($2::text[]) AS s (code)';
  const source = looksFirst ? `${given} WHERE ${IS_NEW}` : given;
  return transactionIf(
    client,
    ({ count }) => count >= countMin,
    () => insertCodes(client, batchId, codes.length, source, [codes]),
  );
}

/** Of a code of `s`. */
const IS_NEW = 'NOT EXISTS (SELECT FROM codes AS c WHERE c.code = s.code)';

interface BulkTable {
  write(bytes: Uint8Array, count: number): Promise<void>;
  /** `refill` is asked for more while there are fewer than `wanted`. */
  moveTo(batchId: number, refill: Refill | null, wanted: number): Promise<Finished>;
  /** Rows that the present try of `moveTo` has passed on. */
  loaded(): number;
  close(): Promise<void>;
  /** Ends it as it is; what is under way fails. */
  giveUp(): void;
}

/** A temporary table on its own connection. While PostgreSQL takes one piece, the next is collected. */
async function openBulkTable(connectBulk: () => Promise<pg.Client>): Promise<BulkTable> {
  const client = await connectBulk();
  const clients = [client];
  let piece: Uint8Array[] = [];
  let pieceBytes = 0;
  let pieceRows = 0;
  let rows = 0;
  let moved = 0;
  let sent: Promise<void> = Promise.resolve();
  let broken: Error | null = null;
  client.once('end', () => {
    broken ??= new Error('the connection to PostgreSQL was lost');
  });

  async function send(): Promise<void> {
    await sent;
    if (broken !== null) throw broken;
    if (pieceRows === 0) return;
    const [data, expected] = [piece, pieceRows];
    piece = [];
    pieceBytes = 0;
    pieceRows = 0;
    rows += expected;
    sent = orLost(client, copyTextIn(client, 'staged', 'code', data)).then(
      (copied) => {
        if (copied !== expected) broken = new Error(`COPY took ${copied} of ${expected} codes`);
      },
      (error: unknown) => {
        broken = error instanceof Error ? error : new Error('COPY failed');
      },
    );
  }

  async function flush(): Promise<void> {
    await send();
    await sent;
    if (broken !== null) throw broken;
  }

  async function moveTo(batchId: number, refill: Refill | null, wanted: number): Promise<Finished> {
    await flush();
    let looksFirst = false;
    let refills: Refill | null = refill;
    for (;;) {
      const copied = await copySorted(batchId, looksFirst, refills === null ? 0 : wanted);
      if (copied.kind === 'moved') return { size: copied.count, count: copied.count, duplicates: rows - copied.count };
      if (copied.kind === 'short') {
        if ((await refills?.(copied.missing)) !== true) refills = null;
        await flush();
      } else if (looksFirst && refills === null) {
        return transaction(client, 'BEGIN', () => insertCodes(client, batchId, rows, 'staged AS s', []));
      }
      looksFirst = true;
    }
  }

  /** Nothing is kept when it is `short` of codes, fewer than `countMin`, or one of them `exists`. */
  async function copySorted(
    batchId: number,
    looksFirst: boolean,
    countMin: number,
  ): Promise<{ kind: 'moved'; count: number } | { kind: 'short'; missing: number } | { kind: 'exists' }> {
    await client.query('ANALYZE staged');
    const writer = await connectBulk();
    clients.push(writer);
    moved = 0;
    const fresh = looksFirst ? `WHERE ${IS_NEW}` : '';
    try {
      let found = 0;
      const count = await fillBatch(writer, batchId, async () => {
        const copied = pipe(
          client,
          `COPY (
             SELECT code, ${Number(batchId)}, (row_number() OVER (ORDER BY code) - 1)::int
             FROM (SELECT DISTINCT code FROM staged AS s ${fresh}) AS d
             ORDER BY code
           ) TO STDOUT (FORMAT binary)`,
          writer,
          'COPY codes (code, batch_id, ordinal) FROM STDIN (FORMAT binary)',
          (count) => {
            moved += count;
          },
        );
        found = await orLost(client, orLost(writer, copied));
        return found < countMin ? null : found;
      });
      await endQuietly(writer);
      return count === null ? { kind: 'short', missing: countMin - found } : { kind: 'moved', count };
    } catch (error) {
      giveUp(writer);
      if (isTaken(error)) return { kind: 'exists' };
      throw error;
    }
  }

  try {
    await client.query(`
      SET temp_buffers = '32MB';
      SET work_mem = '128MB';
      SET enable_hashagg = off;
      CREATE TEMPORARY TABLE staged (code text COLLATE "C" NOT NULL)`);
  } catch (error) {
    giveUp(client);
    throw error;
  }
  return {
    async write(bytes, count) {
      piece.push(bytes);
      pieceBytes += bytes.length;
      pieceRows += count;
      if (pieceBytes >= PIECE_BYTES) await send();
    },
    moveTo,
    loaded: () => moved,
    close: () => endQuietly(client),
    giveUp: () => clients.forEach(giveUp),
  };
}

/** The rows of one COPY into another. Resolves with their number when PostgreSQL has taken them all. */
async function pipe(
  reader: pg.Client,
  copyOut: string,
  writer: pg.Client,
  copyIn: string,
  onWritten: (count: number) => void,
): Promise<number> {
  const into = await copyFramesIn(writer, copyIn);
  await copyFramesOut(reader, copyOut, async (frames, count) => {
    await into.writeLent(frames);
    onWritten(count);
  });
  return into.end();
}

/**
 * Moves codes from `source` (aliased `s`) into `codes`, leaving out those that exist, and completes the batch. `rowCount` is how
 * many were asked for.
 */
async function insertCodes(
  client: pg.Client,
  batchId: number,
  rowCount: number,
  source: string,
  values: readonly unknown[],
): Promise<Finished> {
  const { rows } = await client.query<{ size: number; count: number; first: string | null; last: string | null }>(
    `WITH source AS MATERIALIZED (
       SELECT code COLLATE "C" AS code, (row_number() OVER (ORDER BY code COLLATE "C") - 1)::int AS ordinal
       FROM ${source}
     ), inserted AS (
       INSERT INTO codes (code, batch_id, ordinal) SELECT code, $1, ordinal FROM source ORDER BY code
       ON CONFLICT DO NOTHING
       RETURNING ctid
     )
     SELECT (SELECT count(*)::int FROM source) AS size,
       count(*)::int AS count, min(ctid)::text AS first, max(ctid)::text AS last
     FROM inserted`,
    [batchId, ...values],
  );
  const { size = 0, count = 0, first = null, last = null } = rows[0] ?? {};
  await completeBatch(client, batchId, size, count, blockOf(first), blockOf(last));
  return { size, count, duplicates: rowCount - count };
}

/** `(block,line)`, as PostgreSQL writes the place of a row. */
function blockOf(ctid: string | null): number | null {
  return ctid === null ? null : Number(ctid.slice(1, ctid.indexOf(',')));
}
