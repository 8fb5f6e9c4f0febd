/**
 * Turns changes into the rows of one projection: rows that are appended, and rows that are merged.
 *
 * Appended: the audit (`changes`), redemptions, rollbacks, orders, remembered keys. Merged: all
 * events of one code in the batch become one row update, because updates are by far the most
 * expensive part of a batch for PostgreSQL. Each event touches groups of columns; per group the
 * last event wins, and a group that no event touched is left alone:
 *
 *     user     user_id, assigned_ms            codeAssigned, codeUnassigned
 *     lease    lock_id, locked_until_ms        codeLocked, codeUnlocked, leaseExpired, codeRedeemed
 *     count    redemption_count                codeRedeemed, redemptionRolledBack
 *              seq                             every event
 *
 * src/records/ declares what each event changes, and the code for it is generated
 * (event-rows.generated.ts).
 */

import { type Change, type CodeEvent, type CodesAdded, lastSeqOf } from '../../domain/event.js';
import type { Seq, ShardId } from '../../domain/ids.js';
import type { CodeClaimed, CodeFreed } from '../../records/events.generated.js';
import type { Book, OpenBatch } from '../../records/values.generated.js';
import { RowBuffer } from '../copy/row-buffer.js';
import type { CodeUpdate, SnapshotChanges } from './code-update.js';
import { foldInto, writeAudit, writeOthers } from './event-rows.generated.js';
import { FlashRows } from './flash-rows.js';
import { PromotionRows } from './promotion-rows.js';
import type { RowPlaces } from './row-places.js';

/** Where each COPY goes: the columns in the order in which their values are written below. */
export const COLUMNS = {
  changes:
    'seq, at_ms, prev_seq, shard, kind, redemption_count, lock_id, until_ms, book_id, redemption_id, code, user_id, caller, request_id, detail',
  redemptions: 'seq, at_ms, index, shard, redemption_id, user_id',
  rollbacks: 'seq, shard, redemption_id',
  orders: 'order_id, shard, seq, product_id, round, user_id, key, held_until_ms',
  remembered_keys: 'at_ms, seq, fingerprint, shard, book_id, caller, key, outcome',
  code_updates: 'code, touches, redemption_count, seq, assigned_ms, lock_id, locked_until_ms, user_id',
  placed_updates: 'place, code, touches, redemption_count, seq, assigned_ms, lock_id, locked_until_ms, user_id',
} as const;

export type CopyTarget = keyof typeof COLUMNS;

export interface WentLive {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly event: CodesAdded;
}

export interface CodeClaim {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly bookId: string;
  /** Null: the code can be taken again. */
  readonly code: string | null;
}

/** Owns its buffers and is used again and again: `clear`, `add` …, then read. */
export class ProjectionBatch implements SnapshotChanges {
  readonly rows: Readonly<Record<CopyTarget, RowBuffer>> = {
    changes: new RowBuffer(1024 * 1024),
    redemptions: new RowBuffer(),
    rollbacks: new RowBuffer(1024),
    orders: new RowBuffer(),
    remembered_keys: new RowBuffer(),
    code_updates: new RowBuffer(1024 * 1024),
    placed_updates: new RowBuffer(1024 * 1024),
  };
  readonly promotions = new PromotionRows();
  readonly flash = new FlashRows();
  /** Batches that claim a code. The last event of each counts. */
  readonly claims = new Map<number, CodeClaim>();
  /** The last state of each book that changed. */
  readonly books = new Map<string, { readonly shard: ShardId; readonly book: Book }>();
  readonly wentLive: WentLive[] = [];
  /** Those that are open after these changes and were not before. */
  readonly opened = new Map<number, { readonly shard: ShardId; readonly batch: OpenBatch }>();
  /** Those that were open before these changes and are not after them. */
  readonly closed = new Set<number>();
  /** The largest id of a batch that was opened. */
  readonly lastBatchIds = new Map<ShardId, number>();
  readonly reached = new Map<ShardId, Seq>();
  /** The span of `at_ms` of the remembered keys; empty while `first > last`. */
  rememberedFirstMs = Number.POSITIVE_INFINITY;
  rememberedLastMs = Number.NEGATIVE_INFINITY;
  readonly #places: RowPlaces;

  /** `places` tells which updates can go to the place of their row. */
  constructor(places: RowPlaces) {
    this.#places = places;
  }

  clear(): void {
    for (const rows of Object.values(this.rows)) rows.clear();
    this.promotions.clear();
    this.flash.clear();
    this.claims.clear();
    this.books.clear();
    this.wentLive.length = 0;
    this.opened.clear();
    this.closed.clear();
    this.lastBatchIds.clear();
    this.reached.clear();
    this.rememberedFirstMs = Number.POSITIVE_INFINITY;
    this.rememberedLastMs = Number.NEGATIVE_INFINITY;
  }

  /**
   * Adds what comes after `checkpoint`. Throws when the changes don't follow it and each other
   * without a gap.
   */
  add(shard: ShardId, checkpoint: Seq, changes: Iterable<Change>): void {
    const updates = new Map<number, CodeUpdate>();
    let reached = checkpoint;
    for (const change of changes) {
      const last = lastSeqOf(change);
      if (last <= reached && change.events.length > 0) continue;
      if (change.firstSeq !== reached + 1) {
        throw new Error(`shard ${shard} is projected through ${reached}, and the next change is ${change.firstSeq}`);
      }
      this.#addChange(shard, change, updates);
      reached = last;
    }
    for (const [index, update] of updates) this.#addUpdate(shard, index, update);
    if (reached > checkpoint) this.reached.set(shard, reached);
  }

  #addChange(shard: ShardId, change: Change, updates: Map<number, CodeUpdate>): void {
    let seq = change.firstSeq as number;
    for (const event of change.events) {
      writeAudit(this.rows.changes, shard, seq, change, event);
      if ('code' in event) this.#fold(updates, seq, event);
      writeOthers(this.rows, this, shard, seq as Seq, event);
      seq++;
    }
    if (change.remembered !== null) this.#addRemembered(shard, seq - 1, change, change.remembered);
  }

  bookChanged(shard: ShardId, _seq: Seq, { book }: { readonly book: Book }): void {
    this.books.set(book.id, { shard, book });
  }

  batchOpened(shard: ShardId, _seq: Seq, batch: OpenBatch): void {
    this.opened.set(batch.batchId, { shard, batch });
    // Ids of a shard grow.
    this.lastBatchIds.set(shard, batch.batchId);
  }

  batchGivenUp(_shard: ShardId, _seq: Seq, { batchId }: { readonly batchId: number }): void {
    this.#close(batchId);
  }

  batchWentLive(shard: ShardId, seq: Seq, event: CodesAdded): void {
    this.wentLive.push({ shard, seq, event });
    this.#close(event.batchId);
  }

  codeClaimed(shard: ShardId, seq: Seq, event: CodeClaimed): void {
    this.claims.set(event.batchId, { shard, seq, bookId: event.bookId, code: event.claimedCode });
    this.#close(event.batchId);
  }

  codeFreed(shard: ShardId, seq: Seq, event: CodeFreed): void {
    this.claims.set(event.batchId, { shard, seq, bookId: event.bookId, code: null });
  }

  #fold(updates: Map<number, CodeUpdate>, seq: number, event: CodeEvent): void {
    let update = updates.get(event.index);
    if (update === undefined) {
      update = untouched(event);
      updates.set(event.index, update);
    }
    update.seq = seq;
    foldInto(update, event);
  }

  #close(batchId: number): void {
    if (!this.opened.delete(batchId)) this.closed.add(batchId);
  }

  #addRemembered(shard: ShardId, seq: number, change: Change, remembered: NonNullable<Change['remembered']>): void {
    const rows = this.rows.remembered_keys;
    rows.row(8);
    rows.int8(change.atMs);
    rows.int8(seq);
    rows.int8(remembered.fingerprint);
    rows.int2(shard);
    // The key of a creation can't name the book that it makes, and is remembered outside of all
    // books.
    if (change.events[0]?.kind === 'bookCreated') rows.null();
    else rows.uuid(change.scopeId);
    rows.text(change.caller);
    rows.text(remembered.key);
    rows.text(JSON.stringify(remembered.outcome));
    this.rememberedFirstMs = Math.min(this.rememberedFirstMs, change.atMs);
    this.rememberedLastMs = Math.max(this.rememberedLastMs, change.atMs);
  }

  #addUpdate(shard: ShardId, index: number, update: CodeUpdate): void {
    const places = this.#places;
    const isPlaced = update.isFirstUse && places.find(shard, index);
    const rows = isPlaced ? this.rows.placed_updates : this.rows.code_updates;
    rows.row(isPlaced ? 9 : 8);
    if (isPlaced) rows.tid(places.block, places.line);
    rows.text(update.code);
    rows.int2(update.touches);
    rows.int4(update.redemptionCount);
    rows.int8(update.seq);
    rows.int8OrNull(update.assignedMs);
    rows.int8OrNull(update.lockId);
    rows.int8OrNull(update.lockedUntilMs);
    rows.textOrNull(update.userId);
  }
}

/** An update that touches no column yet. */
function untouched(event: CodeEvent): CodeUpdate {
  return {
    code: event.code,
    isFirstUse: event.prevSeq === 0,
    touches: 0,
    redemptionCount: 0,
    seq: 0,
    assignedMs: null,
    lockId: null,
    lockedUntilMs: null,
    userId: null,
  };
}
