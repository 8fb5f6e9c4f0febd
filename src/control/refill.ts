/**
 * Restores batches that PostgreSQL lacks because it was restored from a backup.
 *
 *     recovery meets a `codesAdded` without its batch ─▶ `Refill`: all that the journal says after the checkpoints
 *         ─▶ rows of batches that were given up go     the backup may have them, and they may hold the same codes
 *         ─▶ counters of live codes are used           the backup takes them for free
 *         ─▶ each missing batch is made again          from its intent, or from the codes that were kept
 *         ─▶ recovery begins anew
 *
 * A batch is put in under its own id, and with the same ordinals, because later events name a code
 * by its index. The count and, for kept codes, their SHA-256 are compared. What can't be made again
 * ends the process, with a line that names each batch: continuing without it would lose live codes.
 */
import { parsePattern } from '../codes/pattern.js';
import { deriveKey } from '../codes/permutation.js';
import type { CodesAdded } from '../domain/event.js';
import type { BookId, ShardId } from '../domain/ids.js';
import type { AddedBatch, Refill } from '../feed/batches.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import type { GeneratorKeys } from '../postgres/control/generator-keys.js';
import { countersIn } from '../postgres/staging/counters.js';
import type { ControlStore, JobRow, Staging } from '../postgres/store.js';
import type { BatchContent } from '../records/batch-content.js';
import type { OpenBatch } from '../records/values.generated.js';
import type { CodeWorkers } from './code-workers.js';
import { jobOfKey } from './job-key.js';
import { resultOf } from './job-result.js';
import { type KeptCodes, KeptCodesUnfit } from './kept-codes.js';
import { requestKeyOf } from './key-turns.js';

interface RefillOptions {
  readonly store: ControlStore;
  readonly generatorKeys: Pick<GeneratorKeys, 'byId'>;
  readonly workers: CodeWorkers;
  readonly keptCodes: KeptCodes;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  /** Words that are never codes. */
  readonly reserved: readonly string[];
  readonly log: { info(fields: object, message: string): void };
}

/** Why a batch can't be made again. */
class NotMade extends Error {
  override readonly name = 'NotMade';
}

/**
 * Rejects with `ProcessEnd` when a batch can't be made again, and in another way while PostgreSQL
 * is away.
 */
export async function refillBatches(options: RefillOptions, refill: Refill): Promise<void> {
  const { store, log } = options;
  await removeGivenUp(options, refill);
  const lost: string[] = [];
  for (const { event, intent } of refill.added) {
    if (intent?.content.kind === 'generated') {
      const { pattern, keyId, ranges } = intent.content;
      await store.markUsed({ bookId: event.bookId, pattern, keyId }, ranges);
    }
    if ((await store.stagedBatch(event.batchId)) === null) {
      await nameToJob(store, intent);
      const why = await makeAgain(options, event, intent);
      if (why !== null) {
        lost.push(lineOf(event, intent, why));
        continue;
      }
      log.info({ batchId: event.batchId, count: event.count }, 'a batch that the database lacks was made again');
    }
    await restoreJob(options, event, intent);
  }
  if (lost.length === 0) return;
  throw new ProcessEnd(
    'loss',
    `PostgreSQL lacks live codes that can not be made again, was it restored from a backup? ${lost.join('; ')}; see docs/production.md#backup`,
  );
}

/** What batches are made again from. */
type RefillSources = Pick<RefillOptions, 'generatorKeys' | 'reserved'> & {
  readonly keptCodes: Pick<KeptCodes, 'read'>;
};

/**
 * The line about a batch that can't be made again, as far as that shows before it is tried; null:
 * it can.
 */
export async function whyNotMadeAgain(sources: RefillSources, { event, intent }: AddedBatch): Promise<string | null> {
  try {
    const opened = wholeIntent(event, intent);
    const { content } = opened;
    if (isMadeByCounters(content, event)) keyOf(sources, event.bookId, content);
    else await takeCodes(sources, opened, event.count, async () => undefined);
    return null;
  } catch (error) {
    if (!(error instanceof NotMade) && !(error instanceof KeptCodesUnfit)) throw error;
    return lineOf(event, intent, error.message);
  }
}

/**
 * Rows that conflict with codes added after the backup, or that are never used.
 */
async function removeGivenUp({ store, shardOfBook }: RefillOptions, refill: Refill): Promise<void> {
  const known = new Set([...refill.added.map(({ event }) => event.batchId), ...refill.open]);
  const left = (await store.unsettledBatches()).filter(
    ({ batchId, bookId }) => refill.shards.includes(shardOfBook(bookId)) && !known.has(batchId),
  );
  for (const batchId of new Set([...refill.givenUp, ...left.map((batch) => batch.batchId)])) {
    await store.discardBatch(batchId);
  }
}

/** Null: its rows are in. Otherwise why they are not. */
async function makeAgain(options: RefillOptions, event: CodesAdded, intent: OpenBatch | null): Promise<string | null> {
  const { store, shardOfBook } = options;
  try {
    const opened = wholeIntent(event, intent);
    const staging = store.stage(shardOfBook(event.bookId), event.bookId);
    try {
      const { content } = opened;
      const count = isMadeByCounters(content, event)
        ? await generateAgain(options, staging, event, content)
        : await takeKept(options, staging, event, opened);
      if (count !== event.count) throw new NotMade(`it comes to ${count ?? 'codes that exist already'}`);
      return null;
    } finally {
      staging.abandon();
    }
  } catch (error) {
    if (!(error instanceof NotMade) && !(error instanceof KeptCodesUnfit)) throw error;
    await store.discardBatch(event.batchId);
    return error.message;
  }
}

/**
 * A job that was under way at the time of the backup finds that its codes are live, and does not
 * make others.
 */
async function nameToJob(store: ControlStore, intent: OpenBatch | null): Promise<void> {
  const name = intent === null ? null : jobOfKey(intent.key);
  const job = name === null ? null : await store.jobById(name.id);
  if (intent === null || job?.status !== 'processing') return;
  const plan = { ...(job.detail.plan as object), batchId: intent.batchId };
  await store.saveJob({ ...job, detail: { ...job.detail, plan } });
}

/**
 * A job that was asked for after the backup is known again, with the key of its request: the same
 * request must not generate codes a second time. Jobs that left no codes are not restored.
 */
async function restoreJob(
  { store, reserved }: RefillOptions,
  { bookId, batchId, count }: CodesAdded,
  intent: OpenBatch | null,
): Promise<void> {
  const name = intent === null ? null : jobOfKey(intent.key);
  if (intent === null || name === null || intent.content.kind !== 'generated') return;
  if ((await store.jobById(name.id)) !== null) return;
  const { caller, openedMs, fingerprint, content } = intent;
  const { id, callerKey } = name;
  const pattern = parsePattern(content.pattern, reserved);
  const result = pattern.kind === 'patternError' ? {} : { result: resultOf(pattern, count, null) };
  const plan = { bookId, pattern: content.pattern, caller, requestId: '', batchId, callerKey };
  const job: JobRow = {
    id,
    kind: 'generate',
    status: 'completed',
    done: count,
    total: count,
    startedMs: openedMs,
    finishedMs: openedMs,
    error: null,
    detail: { plan, ...result },
    fingerprint: callerKey === null ? null : fingerprint,
  };
  await store.restoreJob(job, requestKeyOf(caller, bookId, callerKey === null ? null : { key: callerKey }));
}

type Generated = Extract<BatchContent, { kind: 'generated' }>;

/** Each counter gave one code, so none was left out. */
const isMadeByCounters = (content: BatchContent, { count }: CodesAdded): content is Generated =>
  content.kind === 'generated' && countersIn(content.ranges) === count;

/** Throws `NotMade` where the journal does not have all of it. */
function wholeIntent({ size, count }: CodesAdded, intent: OpenBatch | null): OpenBatch {
  if (intent === null) throw new NotMade('its intent is not in the journal');
  if (size !== count) throw new NotMade('codes were left out of it');
  return intent;
}

/** Throws `NotMade` without the key or the pattern. */
function keyOf(
  { generatorKeys, reserved }: Pick<RefillOptions, 'generatorKeys' | 'reserved'>,
  bookId: BookId,
  { pattern: text, keyId }: Generated,
) {
  const pattern = parsePattern(text, reserved);
  if (pattern.kind === 'patternError') throw new NotMade(`its pattern is not valid any more: ${pattern.message}`);
  const master = generatorKeys.byId(keyId);
  if (master === null) throw new NotMade(`the generator key ${keyId} is not given any more`);
  return { key: deriveKey(master, bookId, pattern.canonical), pattern: pattern.canonical };
}

async function generateAgain(
  options: RefillOptions,
  staging: Staging,
  { batchId, bookId }: CodesAdded,
  content: Generated,
): Promise<number | null> {
  const { key, pattern } = keyOf(options, bookId, content);
  const { ranges, order } = content;
  const generate = (rowsOf: number | null, write: Staging['writeRows']): Promise<void> =>
    options.workers.generate(
      { key, pattern, ranges, batchId: rowsOf },
      ({ bytes, count }) => write(bytes, count),
      () => false,
    );
  if (order === 'inRuns') return staging.copyRows(batchId, (write) => generate(batchId, write));
  await generate(null, staging.writeRows);
  const { count } = await staging.finish({
    adopt: async () => null,
    open: async () => batchId,
    keep: async () => null,
    giveUp: async () => undefined,
    // Then there are fewer than there have to be.
    settle: async (holders) => ({ live: holders.map((holder) => holder.batchId), open: [] }),
  });
  return count;
}

async function takeKept(
  { keptCodes }: RefillOptions,
  staging: Staging,
  { batchId, count }: CodesAdded,
  intent: OpenBatch,
): Promise<number | null> {
  return staging.copyRows(batchId, async (write) => {
    let ordinal = 0;
    await takeCodes({ keptCodes }, intent, count, async (lines) => {
      const codes = lines.toString('latin1').slice(0, -1).split('\n');
      const rows = codes.map((code) => `${code}\t${batchId}\t${ordinal++}\n`).join('');
      await write(Uint8Array.from(Buffer.from(rows, 'latin1')));
    });
  });
}

async function takeCodes(
  { keptCodes }: Pick<RefillSources, 'keptCodes'>,
  intent: OpenBatch,
  count: number,
  take: (lines: Buffer) => Promise<void>,
): Promise<void> {
  if (!(await keptCodes.read(intent, count, take))) throw new NotMade('its codes were not kept');
}

function lineOf({ batchId, bookId, count }: CodesAdded, intent: OpenBatch | null, why: string): string {
  const caller = intent === null ? '' : `, brought by ${intent.caller}`;
  return `batch ${batchId} of book ${bookId}, ${count} codes${caller} (${why})`;
}
