/**
 * Rebuilding a thread's shards: the snapshot from PostgreSQL, then the journal after it.
 *
 * The snapshot is loaded before the journal is opened, so that everything else is done when Redis
 * comes back. Meanwhile the projector may advance and the journal may be trimmed. Then there is a
 * gap between this snapshot and the journal, `JournalTrimmed` reports it, and a newer snapshot is
 * loaded.
 */
import type { StagedBatch } from '../domain/command.js';
import type { CodeEvent, CodesAdded } from '../domain/event.js';
import { asSeq, nameOfProduct, type Seq, type ShardId } from '../domain/ids.js';
import type { StateOptions } from '../domain/kernel.js';
import { type CodeHashes, collectHashes, type DirectoryKey } from '../engine/directory.js';
import {
  loadBatch,
  loadBook,
  loadCode,
  loadCodeState,
  loadOpenBatch,
  loadRedemption,
} from '../features/coupons/load.js';
import type { BookState } from '../features/coupons/state.js';
import { loadOrder, loadStock } from '../features/flash/load.js';
import { loadCheckpoint, loadRemembered } from '../features/load.js';
import { loadPromotion, loadReservation } from '../features/promotions/load.js';
import { apply } from '../features/rules.js';
import { ShardState } from '../features/shard-state.js';
import { type AddedBatch, type Refill, readBatches } from '../feed/batches.js';
import { differingEntries } from '../feed/entry-hash.js';
import { createFeed, type Feed } from '../feed/feed.js';
import { type Journal, JournalRolledBack, JournalTrimmed, type JournalWriter } from '../journal/journal.js';
import { ProcessEnd } from '../platform/exit-codes.js';
import { BatchMissing, type SnapshotLoader, type SnapshotSink, SnapshotUnfit } from '../postgres/store.js';
import { meaningOf, ReplayFailed } from './recovery-failure.js';

export interface RecoveryOptions {
  readonly shards: readonly ShardId[];
  readonly journal: Journal;
  readonly loader: SnapshotLoader;
  readonly state: Omit<StateOptions, 'shard'>;
  /** Unix ms. `notBefore`: time doesn't run backwards over a restart either. */
  readonly clock: { now(): number; notBefore(ms: number): void };
  readonly directoryKey: DirectoryKey;
  readonly publishCodes: (shard: ShardId, hashes: CodeHashes) => Promise<void>;
  readonly after: (delayMs: number, work: () => void) => void;
  /** Shards that go on at the first start although their journal ends before the snapshot. */
  readonly acceptedLosses?: ReadonlySet<ShardId> | undefined;
  /**
   * Makes batches again that PostgreSQL lacks. Rejects with `ProcessEnd` when that can't be done.
   * Absent: they stay missing.
   */
  readonly refill?: ((refill: Refill) => Promise<void>) | undefined;
  readonly log: { info(fields: object, message: string): void; error(fields: object, message: string): void };
}

export type StagingOptions = Pick<RecoveryOptions, 'loader' | 'directoryKey' | 'publishCodes'>;
export type ReplayOptions = StagingOptions & Pick<RecoveryOptions, 'shards' | 'state' | 'clock'>;

interface Recovered {
  readonly states: Map<ShardId, ShardState>;
  readonly writer: JournalWriter;
}

const SNAPSHOTS_MAX = 5;
/** Delay between attempts to open an unavailable journal; doubles up to the maximum. */
const OPEN_DELAY_MS = 50;
const OPEN_DELAY_MS_MAX = 400;

/**
 * `durable`: what this thread has acknowledged so far; empty at the first start. Waits while the
 * journal is away.
 */
export async function recover(options: RecoveryOptions, durable: ReadonlyMap<ShardId, Seq>): Promise<Recovered> {
  let writer: JournalWriter | null = null;
  let feed: Feed | null = null;
  let isRefilled = false;
  try {
    for (let tries = 1; ; tries++) {
      const entryHashes = new Map<ShardId, Uint8Array>();
      const states = await loadSnapshot(options, entryHashes);
      writer ??= await openWriter(options, states, durable);
      feed ??= createFeed(await options.journal.openReader());
      try {
        await compareEntries(feed, states, entryHashes);
        for (const state of states.values()) {
          await replay(options, feed, state, lastSeqOf(writer, state.options.shard), isRefilled);
        }
        return { states, writer };
      } catch (error) {
        if (error instanceof BatchMissing && options.refill !== undefined && !isRefilled) {
          isRefilled = true;
          states.clear();
          await options.refill(await readRefill(options, feed, writer.lastSeqs));
        } else if (!(error instanceof JournalTrimmed) || tries >= SNAPSHOTS_MAX) throw error;
      }
    }
  } catch (error) {
    // A recovery that is tried again and again, by this process or by a supervisor, must not fill
    // the disk.
    await (writer?.discard?.() ?? writer?.close());
    throw error;
  } finally {
    await feed?.close();
  }
}

/** What the journal says of batches after the snapshot. */
async function readRefill(options: RecoveryOptions, feed: Feed, lastSeqs: ReadonlyMap<ShardId, Seq>): Promise<Refill> {
  const refill = { added: [] as AddedBatch[], givenUp: [] as number[], open: [] as number[] };
  for (const { seq, coupons, options: of } of (await loadSnapshot(options)).values()) {
    const throughSeq = lastSeqs.get(of.shard) ?? seq;
    const { added, givenUp, open } = await readBatches(feed, of.shard, seq, throughSeq, coupons.openBatches.all());
    refill.added.push(...added);
    refill.givenUp.push(...givenUp);
    refill.open.push(...open);
  }
  return { shards: options.shards, ...refill };
}

/** A shard continues only from the exact change that its snapshot ends with. */
async function compareEntries(
  feed: Feed,
  states: ReadonlyMap<ShardId, ShardState>,
  entryHashes: ReadonlyMap<ShardId, Uint8Array>,
): Promise<void> {
  for (const [shard, hash] of entryHashes) {
    const seq = states.get(shard)?.seq ?? asSeq(0);
    if ((await feed.isSameEntry(shard, seq, hash)) === false) throw differingEntries(shard, seq);
  }
}

/**
 * A journal that lost entries reports this, or ends before the snapshot. A start refuses it, unless
 * the loss was accepted: it may be the wrong journal. A running process knows that the journal is
 * the right one. It logs the loss as an error, and the shard continues after the remaining entries.
 */
async function openWriter(
  options: RecoveryOptions,
  states: ReadonlyMap<ShardId, ShardState>,
  durable: ReadonlyMap<ShardId, Seq>,
): Promise<JournalWriter> {
  const { journal, shards, log } = options;
  const goOnAfter = new Map<ShardId, Seq>();
  const isAccepted = (shard: ShardId): boolean => durable.size === 0 && options.acceptedLosses?.has(shard) === true;
  const mustBeWhole = (shard: ShardId): boolean => durable.size === 0 && !isAccepted(shard);
  const goOn = (shard: ShardId, lostFrom: number, lostThrough: number): void => {
    const snapshot = states.get(shard)?.seq ?? asSeq(0);
    goOnAfter.set(shard, snapshot);
    log.error(
      { shard, lostFrom, lostThrough, snapshot },
      'the journal has lost entries; the shard goes on after what is left',
    );
  };
  const beginAnew = (shard: ShardId, snapshot: Seq): void => {
    goOnAfter.set(shard, snapshot);
    log.info({ shard, snapshot }, 'the shard goes on without the changes that were accepted as lost');
  };
  const inSnapshot = new Map([...states].map(([shard, { seq }]) => [shard, seq]));
  for (let delayMs = OPEN_DELAY_MS; ; ) {
    try {
      const writer = await journal.openWriter(shards, durable.size === 0 ? undefined : durable, goOnAfter, inSnapshot);
      const behind = [...states.values()].filter(({ seq, options: { shard } }) => lastSeqOf(writer, shard) < seq);
      // Their journal still has changes that were accepted as lost. What comes now does not follow
      // from them.
      const apart = [...states.values()].filter(
        ({ options: { shard } }) => isAccepted(shard) && !goOnAfter.has(shard) && lastSeqOf(writer, shard) > 0,
      );
      if (behind.length === 0 && apart.length === 0) return writer;
      const refused = behind.filter(({ options: { shard } }) => mustBeWhole(shard));
      if (refused.length > 0) {
        await writer.close();
        throw aheadOfJournal(refused.map(({ seq, options: { shard } }) => [shard, lastSeqOf(writer, shard), seq]));
      }
      for (const { seq, options: of } of behind) goOn(of.shard, lastSeqOf(writer, of.shard) + 1, seq);
      for (const { seq, options: of } of apart) if (!goOnAfter.has(of.shard)) beginAnew(of.shard, seq);
      await writer.close();
    } catch (error) {
      if (error instanceof JournalRolledBack && !goOnAfter.has(error.shard)) {
        if (mustBeWhole(error.shard))
          throw new ProcessEnd('loss', `${error.message}; ${HOW_TO_ACCEPT}`, { cause: error });
        goOn(error.shard, error.lostFrom, error.lostThrough);
        continue;
      }
      if (meaningOf(error).kind === 'end') throw error;
      if (delayMs === OPEN_DELAY_MS) log.error({ err: error }, 'the journal can not be opened and is tried again');
      await new Promise<void>((resolve) => options.after(delayMs, resolve));
      delayMs = Math.min(delayMs * 2, OPEN_DELAY_MS_MAX);
    }
  }
}

const HOW_TO_ACCEPT = 'see what is lost with: clipbook restore';

function aheadOfJournal(shards: readonly (readonly [ShardId, Seq, Seq])[]): ProcessEnd {
  const named = shards.map(([shard, end, seq]) => `shard ${shard} is at ${seq}, its journal ends at ${end}`);
  return new ProcessEnd('loss', `the database is ahead of the journal: ${named.join(', ')}; ${HOW_TO_ACCEPT}`);
}

function lastSeqOf(writer: JournalWriter, shard: ShardId): Seq {
  return writer.lastSeqs.get(shard) ?? asSeq(0);
}

/**
 * The rows of PostgreSQL, each shard at its checkpoint. Puts the hashes of the entries that they
 * end with into `entryHashes`.
 */
export async function loadSnapshot(
  options: ReplayOptions,
  entryHashes = new Map<ShardId, Uint8Array>(),
): Promise<Map<ShardId, ShardState>> {
  const idempotencyTally = { bytes: 0 };
  const states = new Map(
    options.shards.map((shard) => [shard, new ShardState({ ...options.state, idempotencyTally, shard })]),
  );
  const publisher = createPublisher(options);
  const afterMs = options.clock.now() - options.state.idempotencyTtlMs;
  // The clock must not be behind the times of decisions made before the restart.
  const sink = createSink(states, publisher, entryHashes, (atMs) => options.clock.notBefore(atMs));
  await options.loader.load(options.shards, afterMs, sink);
  await publisher.finish();
  return states;
}

type Publisher = ReturnType<typeof createPublisher>;

function createSink(
  states: ReadonlyMap<ShardId, ShardState>,
  publisher: Publisher,
  entryHashes: Map<ShardId, Uint8Array>,
  decided: (atMs: number) => void,
): SnapshotSink {
  const stateOf = (shard: ShardId): ShardState => {
    const state = states.get(shard);
    if (state === undefined)
      throw new SnapshotUnfit(`the snapshot has a row of shard ${shard}, which was not asked for`);
    return state;
  };
  // Codes of one batch mostly come together: the book of the last one is the first guess.
  let guess: { state: ShardState; book: BookState; first: number; end: number } | null = null;
  const bookAt = (state: ShardState, index: number): BookState => {
    if (guess !== null && guess.state === state && index >= guess.first && index < guess.end) return guess.book;
    for (const book of state.coupons.books()) {
      for (const { first, end } of book.ranges) {
        if (index < first || index >= end) continue;
        guess = { state, book, first, end };
        return book;
      }
    }
    throw new SnapshotUnfit(`code ${index} of shard ${state.options.shard} is in no live batch`);
  };
  return {
    checkpoint(shard, { seq, atMs, entryHash, batchCounter }) {
      loadCheckpoint(stateOf(shard), seq, batchCounter);
      if (entryHash !== null) entryHashes.set(shard, entryHash);
      if (atMs !== null) decided(atMs);
    },
    book: (shard, book) => loadBook(stateOf(shard).coupons, book),
    openBatch: (shard, batch) => loadOpenBatch(stateOf(shard).coupons, batch),
    batch: (shard, batch) => loadBatch(stateOf(shard).coupons, batch),
    claim: (shard, batchId) => stateOf(shard).coupons.claim(batchId),
    code(shard, index, bytes, start, end) {
      const state = stateOf(shard);
      loadCode(state.coupons, bookAt(state, index), index, bytes, start, end);
      publisher.add(shard, bytes, start, end);
    },
    codeState(shard, row) {
      const state = stateOf(shard);
      // The lease would be written to a row that does not exist, and memory would grow until the
      // process is killed.
      if (row.lockId !== null && row.userId === null)
        throw new SnapshotUnfit(`code ${row.index} of shard ${shard} has a lease, and no user`);
      loadCodeState(state.coupons, row);
    },
    redemption: (shard, row) => loadRedemption(stateOf(shard).coupons, row),
    promotion(shard, promotion) {
      loadPromotion(stateOf(shard).promotions, promotion);
      const { code } = promotion.settings;
      if (code !== null) publisher.addName(shard, code);
    },
    bookOfCampaign: (shard, bookId, campaignId) => stateOf(shard).promotions.joinCampaign(bookId, campaignId),
    reservation: (shard, row) => loadReservation(stateOf(shard).promotions, row),
    stock(shard, stock) {
      loadStock(stateOf(shard).flash, stock);
      publisher.addName(shard, nameOfProduct(stock.productId));
    },
    order: (shard, row) => loadOrder(stateOf(shard).flash, row),
    remembered: (shard, row) => loadRemembered(stateOf(shard), row),
  };
}

/**
 * Applies the journal after the state, through the end of a change. Rejects with `JournalTrimmed`
 * when the journal does not have all of that any more. `isRefilled`: batches were made again, and
 * each code has to be where the journal says that it is.
 */
export async function replay(
  options: ReplayOptions,
  feed: Feed,
  state: ShardState,
  through: Seq,
  isRefilled = false,
): Promise<void> {
  const { shard } = state.options;
  for await (const batch of feed.readThrough(shard, state.seq, through)) {
    for (const change of batch.changes()) {
      for (const event of change.events) {
        if (event.kind === 'codesAdded') await restage(options, state, event);
        if (event.kind === 'codeClaimed') await publishName(options, shard, event.claimedCode);
        if (event.kind === 'stockInitialized') await publishName(options, shard, nameOfProduct(event.stock.productId));
        if (isRefilled && 'code' in event) assertPlace(state, event, change.firstSeq);
      }
      try {
        apply(state, change);
      } catch (error) {
        throw new ReplayFailed(shard, change.firstSeq, error);
      }
      options.clock.notBefore(change.atMs);
    }
  }
}

function assertPlace(state: ShardState, { code, index }: CodeEvent, seq: Seq): void {
  if (state.coupons.codes.exists(index) && state.coupons.codes.text(index) === code) return;
  throw new ReplayFailed(state.options.shard, seq, new Error(`code ${index} is not ${code}`));
}

/**
 * An event that makes a batch live names the batch only: its codes come from the store, where they
 * were before the event.
 */
async function restage(options: StagingOptions, state: ShardState, event: CodesAdded): Promise<void> {
  await stageBatch(state, options, state.options.shard, event, event.firstIndex);
}

/**
 * Makes the code of a promotion known to those who route by code, and lets its promotion be made.
 * Rejects with `BatchMissing` when the row that takes the code is not there.
 */
export async function stageClaim(
  state: ShardState,
  options: StagingOptions,
  { batchId, size }: StagedBatch,
): Promise<void> {
  const { shard } = state.options;
  let code = '';
  await options.loader.loadBatch({ batchId, size }, (_ordinal, bytes, start, end) => {
    code = Buffer.from(bytes.subarray(start, end)).toString('latin1');
  });
  await publishName(options, shard, code);
  state.coupons.stageClaim(batchId);
}

async function publishName(options: StagingOptions, shard: ShardId, name: string): Promise<void> {
  const publisher = createPublisher(options);
  publisher.addName(shard, name);
  await publisher.finish();
}

/** Makes codes known to those who route by code; `finish` resolves when they all know them. */
function createPublisher({ directoryKey, publishCodes }: Pick<StagingOptions, 'directoryKey' | 'publishCodes'>) {
  const publishing: Promise<void>[] = [];
  const hashes = collectHashes(directoryKey, (of, full) => publishing.push(publishCodes(of, full)));
  return {
    add: hashes.add,
    addName: hashes.addName,
    async finish(): Promise<void> {
      hashes.flush();
      await Promise.all(publishing);
    },
  };
}

/**
 * Loads a batch's codes into the state, not live yet, and makes them known to those who route by
 * code.
 */
export async function stageBatch(
  state: ShardState,
  options: StagingOptions,
  shard: ShardId,
  batch: Pick<StagedBatch, 'batchId' | 'size'>,
  firstIndex: number | undefined,
): Promise<void> {
  const publisher = createPublisher(options);
  state.coupons.stage(batch.batchId, batch.size, firstIndex);
  await options.loader.loadBatch(batch, (ordinal, bytes, start, end) => {
    state.coupons.stageCode(batch.batchId, ordinal, bytes, start, end);
    publisher.add(shard, bytes, start, end);
  });
  await publisher.finish();
  state.coupons.completeStage(batch.batchId);
}
