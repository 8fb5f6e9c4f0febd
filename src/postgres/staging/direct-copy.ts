/**
 * Codes that are assumed to be new and come nearly sorted: finished rows, by COPY directly into
 * `codes`, in one transaction.
 *
 * This is how generated codes come. They are different from each other by construction and from all
 * others by the size of their keyspace, so nothing needs to be stored, sorted or looked for first,
 * and PostgreSQL writes each once. If one exists already, everything is rolled back, and the codes
 * are staged again as in staging.ts.
 */
import type pg from 'pg';
import { endQuietly, giveUp, orLost } from '../connection.js';
import { copyFramesIn, FRAME_HEAD_BYTES } from '../copy/copy-frames.js';
import { isTaken, type NewBatch, registerCopied } from './staged-batches.js';

const COPY = 'COPY codes (code, batch_id, ordinal) FROM STDIN';
/** PostgreSQL keeps a whole message in memory. */
const FRAME_BYTES = 64 * 1024;
/**
 * Gets rows: `code`, `batch_id` and `ordinal` in COPY's text format. Resolves when more is wanted.
 */
export type WriteRows = (rows: Uint8Array<ArrayBuffer>) => Promise<void>;

export interface DirectCopy {
  /**
   * Puts in what `produce` writes and commits, the batch's row with it. Resolves with the number of
   * rows, or with null when one of the codes exists already. Rejects with what `produce` threw, or
   * when PostgreSQL is lost. But for a number, nothing was put in.
   */
  copy(produce: (write: WriteRows) => Promise<void>): Promise<number | null>;
  /** Ends it as it is; what is under way fails. */
  giveUp(): void;
}

export async function openDirectCopy(connectBulk: () => Promise<pg.Client>, batch: NewBatch): Promise<DirectCopy> {
  const client = await connectBulk();

  async function send(produce: (write: WriteRows) => Promise<void>): Promise<number> {
    const into = await copyFramesIn(client, COPY);
    await produce(async (rows) => {
      for (let at = 0; at < rows.length; at += FRAME_BYTES) {
        const frame = Buffer.from(rows.buffer, rows.byteOffset + at, Math.min(FRAME_BYTES, rows.length - at));
        void into.write(headOf(frame));
        await into.write(frame);
      }
    });
    return into.end();
  }

  return {
    async copy(produce) {
      try {
        const count = await orLost(
          client,
          registerCopied(client, batch, () => send(produce)),
        );
        await endQuietly(client);
        return count;
      } catch (error) {
        giveUp(client);
        if (isTaken(error)) return null;
        throw error;
      }
    },
    giveUp: () => giveUp(client),
  };
}

/** `d` and the length, which counts itself. */
function headOf(frame: Buffer): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head[0] = 0x64;
  head.writeInt32BE(frame.length + 4, 1);
  return head;
}
