/**
 * The tables `codes` and `batches` of the store, as src/postgres/staging/staged-batches.ts and
 * held-codes.ts use them: rows come before their batch is live, a code is there once, and a batch
 * is live here only when the projection has got that far.
 *
 * Transactions take time. A process that dies leaves its last one to its connection, which commits
 * it or does not; a successor's claim waits for that (src/postgres/fence.ts). A process that was
 * replaced commits nothing more.
 */
import assert from 'node:assert/strict';
import type { BookId } from '../../src/domain/ids.js';
import { claimOver } from '../../src/postgres/fence.js';
import type { CollectedCodes } from '../../src/postgres/staging/staged-batches.js';
import type { Holder, UnsettledBatch } from '../../src/postgres/store.js';
import type { Host } from './host.js';
import type { SeededRandom } from './seeded-random.js';
import type { Verdict } from './verdict.js';

export interface SimCodes {
  /** The codes of an upload that is finished. */
  collect(host: Host, lines: readonly Uint8Array[]): CollectedCodes;
  /** The rows of a batch, in the order of their ordinals; none: they are gone, or never were. */
  rowsOf(batchId: number): readonly string[];
  /** What the batch had when it was put in, even if its rows are gone since. */
  codesOf(batchId: number): readonly string[];
  stagedBatch(host: Host, batchId: number): Promise<{ size: number; count: number } | null>;
  discardBatch(host: Host, batchId: number): Promise<boolean>;
  unsettledBatches(host: Host): Promise<readonly UnsettledBatch[]>;
  /** The projection has got to the event that made it live. */
  noteLive(batchId: number): void;
  /** The same, of the code of a promotion. Its row is there, but for one that was freed since. */
  noteClaimed(batchId: number): void;
  /** Its row stays until somebody removes it. */
  noteFreed(batchId: number): void;
  /** Ends the transactions of a process that died, or that is replaced now. */
  endTransactions(host: Host): void;
}

export interface SimCodesOptions {
  readonly random: SeededRandom;
  readonly verdict: Verdict;
  /** What the journal says. */
  readonly isLive: (batchId: number) => boolean;
  readonly mayWrite: (host: Host) => boolean;
  readonly mayFail: () => void;
}

interface Batch extends Holder {
  readonly codes: readonly string[];
  isLive: boolean;
}

interface Transaction {
  readonly host: Host;
  /** Once. */
  commit(): void;
}

const STATEMENT_MS_MAX = 6;

export function createSimCodes({ random, verdict, isLive, mayWrite, mayFail }: SimCodesOptions): SimCodes {
  const batches = new Map<number, Batch>();
  /** Code to the batch that has it. */
  const holders = new Map<string, number>();
  const everPut = new Map<number, readonly string[]>();
  let underWay: Transaction[] = [];

  /** One statement, or one transaction. */
  function later<T>(host: Host, work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      const transaction: Transaction = {
        host,
        commit() {
          underWay = underWay.filter((other) => other !== transaction);
          host.noteAsync();
          try {
            mayFail();
            resolve(work());
          } catch (error) {
            reject(error);
          }
        },
      };
      underWay.push(transaction);
      host.after(random.below(STATEMENT_MS_MAX), () => {
        if (underWay.includes(transaction)) transaction.commit();
      });
    });
  }

  /** The same; fails when the process was replaced. */
  const fenced = <T>(host: Host, work: () => T): Promise<T> =>
    later(host, () => {
      if (!mayWrite(host)) throw claimOver();
      return work();
    });

  /** False: it is live here. */
  function remove(batchId: number): boolean {
    const batch = batches.get(batchId);
    if (batch === undefined) return true;
    if (batch.isLive) return false;
    verdict.of(() => assert.ok(!isLive(batchId), 'rows of a live batch are never removed'));
    for (const code of batch.codes) holders.delete(code);
    batches.delete(batchId);
    return true;
  }

  function put(batchId: number, bookId: BookId, codes: readonly string[]): number | null {
    if (codes.some((code) => holders.has(code) && holders.get(code) !== batchId)) return null;
    if (!remove(batchId)) throw new Error(`batch ${batchId} is live already`);
    batches.set(batchId, { batchId, bookId, codes, isLive: false });
    everPut.set(batchId, codes);
    for (const code of codes) holders.set(code, batchId);
    return codes.length;
  }

  return {
    rowsOf: (batchId) => batches.get(batchId)?.codes ?? [],
    codesOf: (batchId) => everPut.get(batchId) ?? [],
    collect(host, lines) {
      const text = Buffer.concat(lines as Uint8Array[]).toString('latin1');
      const all = [...new Set(text.split('\n').filter((code) => code !== ''))].sort();
      let codes: readonly string[] = all;
      return {
        look: (settled) =>
          later(host, () => {
            codes = all.filter((code) => !holders.has(code));
            const found = new Set(all.flatMap((code) => holders.get(code) ?? []));
            return [...found]
              .map((batchId) => batches.get(batchId) as Batch)
              .filter((batch) => !batch.isLive && !settled.has(batch.batchId));
          }),
        left: async () => codes.length,
        put: ({ batchId, bookId }) => fenced(host, () => put(batchId, bookId, codes)),
      };
    },
    stagedBatch: (host, batchId) =>
      later(host, () => {
        const batch = batches.get(batchId);
        return batch === undefined ? null : { size: batch.codes.length, count: batch.codes.length };
      }),
    discardBatch: (host, batchId) => fenced(host, () => remove(batchId)),
    unsettledBatches: (host) =>
      later(host, () =>
        [...batches.values()]
          .filter((batch) => !batch.isLive)
          .map(({ batchId, bookId }) => ({ batchId, bookId, hasCounters: false })),
      ),
    noteLive(batchId) {
      const batch = batches.get(batchId);
      assert.ok(batch !== undefined, `batch ${batchId} is live and has its rows`);
      batch.isLive = true;
    },
    noteClaimed(batchId) {
      const batch = batches.get(batchId);
      if (batch !== undefined) batch.isLive = true;
      else verdict.of(() => assert.ok(!isLive(batchId), `batch ${batchId} claims its code and has its row`));
    },
    noteFreed(batchId) {
      const batch = batches.get(batchId);
      if (batch !== undefined) batch.isLive = false;
    },
    endTransactions(host) {
      for (const transaction of underWay.filter((other) => other.host === host)) {
        if (random.chance(0.5)) transaction.commit();
        else underWay = underWay.filter((other) => other !== transaction);
      }
    },
  };
}
