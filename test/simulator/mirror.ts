/**
 * What memory must be: the journal applied from its beginning, by the domain (digest) and naively
 * (counts).
 */
import assert from 'node:assert/strict';
import type { ShardId } from '../../src/domain/ids.js';
import type { StateOptions } from '../../src/domain/kernel.js';
import { digest } from '../../src/features/digest.js';
import { apply } from '../../src/features/rules.js';
import { ShardState } from '../../src/features/shard-state.js';
import { type CodesOfBatch, codesOfBook } from './fold.js';
import type { Judge } from './judge.js';
import type { SimProcess } from './process.js';
import { countsOf, type FoldedPromotions } from './promotion-fold.js';
import type { Truth } from './truth.js';

export interface Mirror {
  /**
   * Compares the process's memory with it, shard by shard, where it is not ahead of what is
   * durable.
   */
  check(process: SimProcess): void;
}

export interface MirrorOptions {
  readonly truth: Truth;
  readonly codesOf: CodesOfBatch;
  readonly judge: Judge;
  readonly state: Omit<StateOptions, 'shard'>;
}

export function createMirror({ truth, codesOf, judge, state: options }: MirrorOptions): Mirror {
  const states = new Map<ShardId, ShardState>();

  function upToDate(shard: ShardId): ShardState {
    const state = states.get(shard) ?? new ShardState({ ...options, shard });
    states.set(shard, state);
    for (const { changes } of truth.entriesAfter(shard, state.seq)) {
      for (const change of changes) {
        for (const event of change.events) {
          if (event.kind !== 'codesAdded') continue;
          state.coupons.stage(event.batchId, event.size, event.firstIndex);
          for (const [ordinal, code] of codesOf(event.batchId).entries()) {
            const bytes = Buffer.from(code);
            state.coupons.stageCode(event.batchId, ordinal, bytes, 0, bytes.length);
          }
        }
        apply(state, change);
      }
    }
    return state;
  }

  function checkCounts(state: ShardState): void {
    const fold = judge.foldOf(state.options.shard);
    for (const book of state.coupons.books()) {
      const { total, available, assigned, redeemed } = state.coupons.counts(book);
      assert.equal(available + assigned + redeemed, total, 'available + assigned + redeemed = total (I5)');
      const codes = codesOfBook(fold, book.current.id);
      if (fold.seq === state.seq) assert.equal(codes.filter(({ userId }) => userId === null).length, available);
    }
    if (fold.seq === state.seq) checkPromotions(state, fold.promotions);
  }

  return {
    check(process) {
      if (!process.isServing() || process.isPaused()) return;
      for (const { shard, seq, digest: inMemory } of process.actor.inspect()) {
        if (seq !== truth.lastSeq(shard)) continue;
        const state = upToDate(shard);
        checkCounts(state);
        assert.equal(inMemory, digest(state, process.nowMs()), 'memory is the journal folded (I5)');
      }
    },
  };
}

function checkPromotions({ promotions }: ShardState, folded: FoldedPromotions): void {
  for (const { current, held, spent, heldAmount, redeemed, byPeriod, ...counted } of promotions.all) {
    const expected = countsOf(folded, current.id);
    const uses = counted.uses + redeemed.count();
    const users = new Set([...counted.byUser.keys(), ...expected.byUser.keys()]);
    const byUser = new Map([...users].map((user) => [user, (counted.byUser.get(user) ?? 0) + redeemed.by(user)]));
    assert.deepEqual(
      { uses, held, spent, heldAmount, byUser, byPeriod },
      expected,
      'uses and holds are counted as the journal has them (I5)',
    );
  }
  const held = [...folded.reservations.values()].filter(({ status }) => status === 'held');
  assert.equal(promotions.deadlines.count, held.length, 'each hold has its end');
}
