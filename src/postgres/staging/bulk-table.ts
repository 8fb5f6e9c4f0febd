/**
 * Stages many codes in a temporary table on a separate connection (no WAL, no index, dropped with
 * the connection), filled in pieces of `PIECE_BYTES`. A transaction as long as a slow upload would
 * keep PostgreSQL from removing dead rows of the projector's updates.
 *
 * At the end PostgreSQL sorts them, without repetitions, and what comes out of that COPY goes, byte
 * for byte, into a second COPY on another connection:
 *
 *     COPY (SELECT … ORDER BY code) TO STDOUT ──▶ COPY codes FROM STDIN
 *
 * The detour through us pays twice. COPY puts in a page of rows at a time where INSERT … SELECT
 * puts in one row; and an index that is filled in order touches each of its pages once, where a
 * plain COPY of random codes touches a page per code. `ON CONFLICT DO NOTHING` makes each row a
 * speculative insertion and costs more than all the rest.
 *
 * Ordinals are given in the order of the code too, so that a shard that loads the batch fills its
 * own tables from front to back.
 */
import type pg from 'pg';
import { endQuietly, giveUp, orLost, transaction } from '../connection.js';
import { copyFramesIn, copyFramesOut, FRAME_HEAD_BYTES } from '../copy/copy-frames.js';
import { copyTextIn } from '../copy/copy-in.js';
import type { Holder, KeptWriter } from '../store.js';
import { type CollectedCodes, isTaken, type NewBatch, registerCopied } from './staged-batches.js';

const PIECE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

export interface BulkTable extends CollectedCodes {
  write(bytes: Uint8Array, count: number): Promise<void>;
  /** Rows that the present try of `put` has passed on. */
  loaded(): number;
  close(): Promise<void>;
  /** Ends it as it is; what is under way fails. */
  giveUp(): void;
}

/** The different codes that were not found by `look`. */
const LEFT = `
  SELECT DISTINCT code FROM staged AS s WHERE NOT EXISTS (SELECT FROM taken AS t WHERE t.code = s.code)`;

/** While PostgreSQL takes one piece, the next is collected. */
export async function openBulkTable(connectBulk: () => Promise<pg.Client>): Promise<BulkTable> {
  const client = await connectBulk();
  const clients = [client];
  let piece: Uint8Array[] = [];
  let pieceBytes = 0;
  let pieceRows = 0;
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
    await client.query('ANALYZE staged');
  }

  async function look(settled: ReadonlySet<number>): Promise<readonly Holder[]> {
    await flush();
    return transaction(client, 'BEGIN', async () => {
      await client.query('TRUNCATE taken');
      await client.query(
        'INSERT INTO taken SELECT DISTINCT s.code, c.batch_id FROM staged AS s JOIN codes AS c ON c.code = s.code',
      );
      await client.query('ANALYZE taken');
      const { rows } = await client.query<Holder>(
        `SELECT batch_id AS "batchId", book_id AS "bookId" FROM batches
         WHERE live_seq IS NULL AND batch_id IN (SELECT batch_id FROM taken) AND NOT batch_id = ANY($1::int[])`,
        [[...settled]],
      );
      return rows;
    });
  }

  async function put(batch: NewBatch, kept: KeptWriter | null): Promise<number | null> {
    await flush();
    const writer = await connectBulk();
    clients.push(writer);
    moved = 0;
    try {
      const count = await registerCopied(writer, batch, async () => {
        const copied = pipe(
          client,
          `COPY (
             SELECT code, ${Number(batch.batchId)}, (row_number() OVER (ORDER BY code) - 1)::int
             FROM (${LEFT}) AS d ORDER BY code
           ) TO STDOUT (FORMAT binary)`,
          writer,
          'COPY codes (code, batch_id, ordinal) FROM STDIN (FORMAT binary)',
          async (frames, count) => {
            moved += count;
            if (kept !== null) await keepCodes(kept, frames);
          },
        );
        const count = await orLost(client, orLost(writer, copied));
        await kept?.finish();
        return count;
      });
      await endQuietly(writer);
      return count;
    } catch (error) {
      giveUp(writer);
      if (isTaken(error)) return null;
      throw error;
    }
  }

  try {
    await client.query(`
      SET temp_buffers = '32MB';
      SET work_mem = '128MB';
      SET enable_hashagg = off;
      CREATE TEMPORARY TABLE staged (code text COLLATE "C" NOT NULL);
      CREATE TEMPORARY TABLE taken (code text COLLATE "C" NOT NULL, batch_id integer NOT NULL)`);
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
    look,
    async left() {
      const { rows } = await client.query<{ count: string }>(`SELECT count(*) FROM (${LEFT}) AS d`);
      return Number(rows[0]?.count);
    },
    put,
    loaded: () => moved,
    close: () => endQuietly(client),
    giveUp: () => clients.forEach(giveUp),
  };
}

/**
 * The rows of one COPY into another. Resolves with their number when PostgreSQL has taken them all.
 */
async function pipe(
  reader: pg.Client,
  copyOut: string,
  writer: pg.Client,
  copyIn: string,
  onWritten: (frames: Buffer, count: number) => Promise<void>,
): Promise<number> {
  const into = await copyFramesIn(writer, copyIn);
  await copyFramesOut(reader, copyOut, async (frames, count) => {
    await into.writeLent(frames);
    await onWritten(frames, count);
  });
  return into.end();
}

/** The first frame may begin with this and two numbers of 4 bytes, the second of which is 0. */
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1');
const SIGNATURE_BYTES = SIGNATURE.length + 8;
/** Of a row: how many fields it has, and the length of the first one, the code. */
const FIELDS_BYTES = 2;
const LENGTH_BYTES = 4;

/** The codes of binary rows, each in a frame of its own, as lines. */
async function keepCodes(kept: KeptWriter, frames: Buffer): Promise<void> {
  const lines = Buffer.allocUnsafe(frames.length);
  let length = 0;
  let count = 0;
  for (let at = 0; at < frames.length; ) {
    const end = at + 1 + frames.readInt32BE(at + 1);
    let row = at + FRAME_HEAD_BYTES;
    if (frames.compare(SIGNATURE, 0, SIGNATURE.length, row, Math.min(row + SIGNATURE.length, end)) === 0) {
      row += SIGNATURE_BYTES;
    }
    // The last frame is a number of fields of -1, and has none.
    if (end - row > FIELDS_BYTES) {
      const codeBytes = frames.readInt32BE(row + FIELDS_BYTES);
      const code = row + FIELDS_BYTES + LENGTH_BYTES;
      length += frames.copy(lines, length, code, code + codeBytes);
      lines[length++] = NEWLINE;
      count++;
    }
    at = end;
  }
  if (count > 0) await kept.write(lines.subarray(0, length), count);
}
