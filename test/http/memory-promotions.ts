/**
 * Promotions behind an engine in memory: the real rules over a shard without threads and stores.
 */
import type { Command, Origin, Query } from '../../src/domain/command.js';
import type { FlashQuery } from '../../src/domain/flash-views.js';
import { asShardId } from '../../src/domain/ids.js';
import type { PromotionQuery } from '../../src/domain/promotion-views.js';
import type { CommandReply, QueryReply } from '../../src/engine/engine.js';
import { expireNext } from '../../src/features/expiry.js';
import { query } from '../../src/features/query.js';
import { apply, decide } from '../../src/features/rules.js';
import { ShardState } from '../../src/features/shard-state.js';
import { OPEN_BATCH, OPTIONS } from '../features/shard.js';

const SHARD = asShardId(0);

/** What the memory engine answers itself. */
export type OwnQuery = Exclude<Query, PromotionQuery | FlashQuery>;
const OWN: ReadonlySet<Query['kind']> = new Set<OwnQuery['kind']>([
  'getBook',
  'getStats',
  'listBooks',
  'getCode',
  'listCodes',
  'listUserCodes',
  'batchFate',
  'listOpenBatches',
  'isKeyRemembered',
  'dryRun',
]);
export const isOfPromotions = (asked: Query): asked is PromotionQuery | FlashQuery => !OWN.has(asked.kind);

export function createMemoryPromotions(nowMs: () => number) {
  const state = new ShardState({ ...OPTIONS, idempotencyTtlMs: 86_400_000 });
  let drawn = 0;
  const random = { uint32: () => ++drawn };

  /** The row that takes a code is in, as after an upload. */
  function stage(command: Command): void {
    if (command.kind !== 'createPromotion' || command.codes === null) return;
    const { batchId } = command.codes;
    if (!state.coupons.openBatches.has(batchId)) state.coupons.openBatches.open({ ...OPEN_BATCH, batchId });
    state.coupons.stageClaim(batchId);
  }

  function expire(): void {
    for (let change = expireNext(state, nowMs()); change !== null; change = expireNext(state, nowMs()))
      apply(state, change);
  }

  return {
    /** Commands of promotions name neither a book nor a code. */
    isOwn: (command: Command): boolean => !('bookId' in command) && !('code' in command),
    command(command: Command, origin: Origin): CommandReply {
      expire();
      stage(command);
      const verdict = decide(state, command, origin, nowMs(), random);
      if (verdict.kind === 'refused') return verdict;
      if (verdict.kind === 'change') apply(state, verdict.change);
      const { seq } = state;
      return { kind: 'done', outcome: verdict.outcome, shard: SHARD, seq, replayed: verdict.kind === 'replay' };
    },
    /** The promotion that has this code, or that there is none. */
    withCode: (asked: Query) => query(state, asked, nowMs()),
    query(asked: Query): QueryReply {
      expire();
      const result = query(state, asked, nowMs());
      return result.kind === 'refused' ? result : { kind: 'result', result, shard: SHARD, durableSeq: state.seq };
    },
  };
}
