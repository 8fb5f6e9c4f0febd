/**
 * The snapshot side: a fold per shard that lags behind the journal and now and then can't be
 * reached. One process at a time may write to it, as the row of `installation` and the fence of
 * each transaction have it (src/postgres/fence.ts).
 */
import type { DomainEvent } from '../../src/domain/event.js';
import type { ShardId } from '../../src/domain/ids.js';
import { asSeq } from '../../src/domain/ids.js';
import { hashOfEntry } from '../../src/feed/entry-hash.js';
import type { JournalReader } from '../../src/journal/journal.js';
import { type DatabaseFacts, LEASE_MS } from '../../src/postgres/installation.js';
import { BatchMissing, type SnapshotLoader, type SnapshotSink } from '../../src/postgres/store.js';
import { type Fold, foldChange, newFold } from './fold.js';
import type { Host } from './host.js';
import type { SeededRandom } from './seeded-random.js';
import { createSimCodes, type SimCodes } from './sim-codes.js';
import type { TrueEntry, Truth } from './truth.js';
import type { Verdict } from './verdict.js';

export interface SimStore {
  readonly codes: SimCodes;
  loaderFor(host: Host): SnapshotLoader;
  checkpoint(shard: ShardId): number;
  /** What a start reads of the installation. */
  facts(): DatabaseFacts;
  /** This process writes from now on, and no earlier one. */
  claim(host: Host, installation: string, holder: string): void;
  /** The installation's id stands in the journal too. */
  noteJournal(place: string): void;
  /** False: the lease is another's by now. */
  renew(host: Host): boolean;
  giveBack(host: Host): void;
  /** Projects some of what the process's journal shows. False: another process writes by now. */
  project(host: Host, reader: JournalReader, shard: ShardId): Promise<boolean>;
}

const READ_BYTES = 1 << 20;

export function createSimStore(
  random: SeededRandom,
  truth: Truth,
  verdict: Verdict,
  options: { readonly nowMs: () => number; readonly keyTtlMs: number; readonly faults: () => number },
): SimStore {
  const { nowMs, keyTtlMs, faults } = options;
  const folds = new Map<ShardId, Fold>();
  /** The last entry of each shard that was projected. */
  const lastEntries = new Map<ShardId, TrueEntry>();
  let installation: { readonly id: string; journal: string | null } | null = null;
  let epoch = 0;
  let writer: { readonly host: Host; readonly holder: string; seenMs: number } | null = null;
  let shardCount: number | null = null;
  const foldOf = (shard: ShardId): Fold => {
    let fold = folds.get(shard);
    if (fold === undefined) {
      fold = newFold();
      folds.set(shard, fold);
    }
    return fold;
  };
  const mayFail = (): void => {
    if (random.chance(faults())) throw new Error('the store is away');
  };

  function noteBatch(event: DomainEvent): void {
    if (event.kind === 'codesAdded') codes.noteLive(event.batchId);
    else if (event.kind === 'codeClaimed') codes.noteClaimed(event.batchId);
    else if (event.kind === 'codeFreed') codes.noteFreed(event.batchId);
  }

  const codes = createSimCodes({
    random,
    verdict,
    isLive: truth.isLive,
    mayWrite: (host) => writer?.host === host,
    mayFail,
  });

  return {
    codes,
    checkpoint: (shard) => foldOf(shard).seq,
    facts: () => ({
      installation:
        installation === null
          ? null
          : {
              ...installation,
              epoch,
              holder: writer?.holder ?? null,
              place: 'a process',
              isAlive: writer !== null && nowMs() - writer.seenMs < LEASE_MS,
              seenAt: String(writer?.seenMs),
              isDrained: false,
            },
      shardCount,
      seqs: new Map([...folds].map(([shard, { seq }]) => [shard, seq] as const).filter(([, seq]) => seq > 0)),
      acceptedLosses: new Set(),
    }),
    claim(host, id, holder) {
      if (writer !== null) codes.endTransactions(writer.host);
      installation ??= { id, journal: null };
      shardCount = 1;
      epoch++;
      writer = { host, holder, seenMs: nowMs() };
    },
    noteJournal(place) {
      if (installation !== null) installation.journal = place;
    },
    renew(host) {
      if (writer?.host !== host) return false;
      writer.seenMs = nowMs();
      return true;
    },
    giveBack(host) {
      if (writer?.host === host) writer = null;
    },
    async project(host, reader, shard) {
      const fold = foldOf(shard);
      host.noteAsync();
      const read = await reader.read(shard, fold.seq, READ_BYTES);
      if (writer?.host !== host) return false;
      // What was read is what the truth has (truth.ts), and there it is decoded already.
      for (const entry of truth.entriesAfter(shard, fold.seq).slice(0, read.length)) {
        if (random.chance(0.2)) break;
        lastEntries.set(shard, entry);
        for (const change of entry.changes) {
          foldChange(fold, change, codes.codesOf, keyTtlMs);
          for (const event of change.events) noteBatch(event);
        }
      }
      return true;
    },
    loaderFor: (host) => ({
      async load(shards, rememberedAfterMs, sink) {
        host.noteAsync();
        mayFail();
        for (const shard of shards) {
          const last = lastEntries.get(shard);
          const { seq, atMs, batchCounter } = foldOf(shard);
          sink.checkpoint(shard, {
            seq,
            atMs: last === undefined ? null : atMs,
            entryHash: last === undefined ? null : hashOfEntry(last),
            batchCounter,
          });
          loadShard(shard, foldOf(shard), rememberedAfterMs, sink);
        }
      },
      async loadBatch({ batchId, size }, code) {
        host.noteAsync();
        mayFail();
        const rows = codes.rowsOf(batchId);
        if (rows.length !== size) throw new BatchMissing(`batch ${batchId} has ${rows.length} of ${size} rows`);
        for (const [ordinal, text] of rows.entries()) {
          const bytes = Buffer.from(text);
          code(ordinal, bytes, 0, bytes.length);
        }
      },
      async close() {},
    }),
  };
}

function loadShard(shard: ShardId, fold: Fold, rememberedAfterMs: number, sink: SnapshotSink): void {
  for (const book of fold.books.values()) sink.book(shard, book);
  for (const batch of fold.open.values()) sink.openBatch(shard, batch);
  for (const batch of fold.batches) sink.batch(shard, batch);
  for (const batchId of fold.promotions.claims.keys()) sink.claim(shard, batchId);
  for (const [text, code] of fold.codes) {
    const bytes = Buffer.from(text);
    sink.code(shard, code.index, bytes, 0, bytes.length);
    if (code.lastSeq === 0) continue;
    sink.codeState(shard, {
      index: code.index,
      userId: code.userId,
      assignedMs: code.assignedMs,
      lockId: code.lock?.lockId ?? null,
      lockedUntilMs: code.lock?.untilMs ?? null,
      redemptionCount: code.redemptionCount,
      lastSeq: asSeq(code.lastSeq),
    });
  }
  for (const [redemptionId, { index, userId, atMs, rolledBack }] of fold.redemptions) {
    sink.redemption(shard, { redemptionId, index, userId, atMs, rolledBack });
  }
  for (const [bookId, campaignId] of fold.promotions.campaigns) sink.bookOfCampaign(shard, bookId, campaignId);
  for (const promotion of fold.promotions.all.values()) sink.promotion(shard, promotion);
  for (const reservation of fold.promotions.reservations.values()) sink.reservation(shard, { ...reservation });
  const remembered = [...fold.keys.values()].filter(({ atMs }) => atMs > rememberedAfterMs);
  for (const row of remembered.sort((a, b) => a.atMs - b.atMs)) sink.remembered(shard, row);
}
