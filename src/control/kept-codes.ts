/**
 * Codes of batches that can't be made again from their intent, compressed, a file per batch beside
 * the journal. A PostgreSQL that was restored from a backup lacks the batches that came after it:
 * their events are in the journal, and their codes are here.
 *
 *     {"batchId":12,"bookId":"…","content":{…}}   the intent of the codes
 *     CODE                                        in the order of their ordinals, from 0
 *     …
 *     {"count":3,"sha256":"…"}                    of the lines between, each with its newline
 *
 * A file is durable before the rows of its batch are committed, and so before its event is
 * journaled. It is removed when its batch is given up, or when PostgreSQL has it as live and the
 * file is older than the span that the journal is kept for.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { createGunzip, createGzip } from 'node:zlib';
import { realFileOps } from '../journal/file/file-ops.js';
import type { KeptWriter } from '../postgres/store.js';
import type { OpenBatch } from '../records/values.generated.js';

const SUFFIX = '.codes.gz';
const NEW_SUFFIX = '.new';
/**
 * Of zlib: a million codes take 0.3 s of another thread. A higher level would save a tenth of the
 * space and take twice the time.
 */
const LEVEL = 1;
const NEWLINE = 0x0a;
const BRACE = 0x7b;

export type KeptIntent = Pick<OpenBatch, 'batchId' | 'bookId' | 'content'>;

/** The file is not what the journal says of the batch, or is damaged. */
export class KeptCodesUnfit extends Error {
  override readonly name = 'KeptCodesUnfit';
}

export interface KeptCodes {
  write(intent: KeptIntent): Promise<KeptWriter>;
  /**
   * Passes the codes of a batch to `take` in pieces, one code per line. False: none are kept.
   * Rejects with `KeptCodesUnfit`, perhaps after the last piece only, when they are not the `count`
   * codes that were kept for this intent.
   */
  read(intent: KeptIntent, count: number, take: (lines: Buffer) => Promise<void>): Promise<boolean>;
  remove(batchId: number): Promise<void>;
  /** Batches whose codes were kept before this time, Unix ms. */
  keptBefore(ms: number): Promise<readonly number[]>;
}

/** `directory` is made when it is first needed. */
export function createKeptCodes(directory: string): KeptCodes {
  const pathOf = (batchId: number): string => join(directory, `${batchId}${SUFFIX}`);

  return {
    async write(intent) {
      await mkdir(directory, { recursive: true, mode: 0o750 });
      const path = pathOf(intent.batchId);
      const gzip = createGzip({ level: LEVEL });
      const file = createWriteStream(path + NEW_SUFFIX, { mode: 0o640 });
      const written = new Promise<void>((resolve, reject) => {
        pipeline(gzip, file, (error) => (error == null ? resolve() : reject(error)));
      });
      written.catch(() => undefined);
      const hash = createHash('sha256');
      let count = 0;
      const put = async (bytes: Uint8Array | string): Promise<void> => {
        if (!gzip.write(bytes)) await Promise.race([once(gzip, 'drain'), written]);
      };
      await put(`${headOf(intent)}\n`);
      return {
        async write(lines, lineCount) {
          hash.update(lines);
          count += lineCount;
          await put(lines);
        },
        async finish() {
          gzip.end(`${footOf(count, hash.digest('hex'))}\n`);
          await written;
          await syncFile(path + NEW_SUFFIX);
          await rename(path + NEW_SUFFIX, path);
          realFileOps.syncDirectory(directory);
        },
        async abandon() {
          gzip.destroy();
          await written.catch(() => undefined);
          await rm(path + NEW_SUFFIX, { force: true });
        },
      };
    },
    async read(intent, count, take) {
      const path = pathOf(intent.batchId);
      if ((await stat(path).catch(() => null)) === null) return false;
      await readKept(path, headOf(intent), count, take);
      return true;
    },
    remove: (batchId) => rm(pathOf(batchId), { force: true }),
    async keptBefore(ms) {
      const names = (await readdir(directory).catch(() => [])).filter((name) => name.endsWith(SUFFIX));
      const old: number[] = [];
      for (const name of names) {
        const kept = await stat(join(directory, name)).catch(() => null);
        if (kept !== null && kept.mtimeMs < ms) old.push(Number(name.slice(0, -SUFFIX.length)));
      }
      return old;
    },
  };
}

async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Field by field, so that the same intent has the same text wherever it comes from. */
function headOf({ batchId, bookId, content }: KeptIntent): string {
  if (content.kind === 'uploaded') {
    const { kind, count, sha256 } = content;
    return JSON.stringify({ batchId, bookId, content: { kind, count, sha256 } });
  }
  const { kind, pattern, keyId, ranges, order } = content;
  const counters = ranges.map(({ first, end }) => [first, end]);
  return JSON.stringify({ batchId, bookId, content: { kind, pattern, keyId, counters, order } });
}

const footOf = (count: number, sha256: string): string => JSON.stringify({ count, sha256 });

/** No code begins with a brace, so the last line is told from codes by its first byte. */
async function readKept(
  path: string,
  head: string,
  count: number,
  take: (lines: Buffer) => Promise<void>,
): Promise<void> {
  const gunzip = createGunzip();
  const ended = new Promise<Error | null>((resolve) => {
    pipeline(createReadStream(path), gunzip, (error) => resolve(error ?? null));
  });
  const hash = createHash('sha256');
  let found = 0;
  let rest: Buffer = Buffer.alloc(0);
  let isHeadRead = false;
  let foot: string | null = null;
  const takeLines = async (lines: Buffer): Promise<void> => {
    if (lines.length === 0) return;
    hash.update(lines);
    for (const byte of lines) if (byte === NEWLINE) found++;
    await take(lines);
  };
  try {
    for await (const chunk of gunzip as AsyncIterable<Buffer>) {
      let bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      if (!isHeadRead) {
        const end = bytes.indexOf(NEWLINE);
        if (end === -1) {
          rest = bytes;
          continue;
        }
        if (bytes.toString('latin1', 0, end) !== Buffer.from(head).toString('latin1'))
          throw new KeptCodesUnfit(`${path} belongs to another batch`);
        isHeadRead = true;
        bytes = bytes.subarray(end + 1);
      }
      const wholeEnd = bytes.lastIndexOf(NEWLINE) + 1;
      const brace = bytes.indexOf(BRACE);
      const codesEnd = brace === -1 ? wholeEnd : Math.min(brace, wholeEnd);
      await takeLines(bytes.subarray(0, codesEnd));
      if (brace !== -1 && brace < wholeEnd) foot = bytes.toString('latin1', brace, wholeEnd - 1);
      rest = bytes.subarray(Math.max(wholeEnd, codesEnd));
    }
  } catch (error) {
    if (error instanceof KeptCodesUnfit) throw error;
    throw new KeptCodesUnfit(`${path} can not be read: ${(error as Error).message}`, { cause: error });
  } finally {
    gunzip.destroy();
    await ended;
  }
  if (found !== count || foot !== footOf(count, hash.digest('hex')))
    throw new KeptCodesUnfit(`${path} does not have the ${count} codes that were kept`);
}
