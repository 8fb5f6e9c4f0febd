/**
 * Codes that are generated while the caller waits: their counters are reserved, the codes are made
 * here and staged, and the HTTP thread sends the command that makes them live. Whatever the
 * outcome, `Batches` cleans up: a failed generation gives its counters back.
 */
import { randomUUID } from 'node:crypto';
import { type Pattern, parsePattern } from '../codes/pattern.js';
import type { Origin } from '../domain/command.js';
import type { BookId, ShardId } from '../domain/ids.js';
import { isKeyRemembered } from '../engine/asking.js';
import { type Control, ControlError, type Engine, type Generated } from '../engine/engine.js';
import type { GeneratorKeys } from '../postgres/control/generator-keys.js';
import { batchHolder, requestHolder } from '../postgres/staging/counters.js';
import type { ControlStore, CounterHolder, Finished } from '../postgres/store.js';
import type { BatchContent, CounterRange } from '../records/batch-content.js';
import type { Batches } from './batches.js';
import { countersOf, createFreshCodes, tooFewCodes, writeLines } from './fresh-codes.js';
import { type KeyTurns, requestKeyOf } from './key-turns.js';

/** Maximum under way at once. Each has at most 10,000 codes in memory. */
const GENERATIONS_MAX = 64;

interface GenerationsOptions {
  readonly store: ControlStore;
  readonly generatorKeys: GeneratorKeys;
  readonly batches: Batches;
  readonly engine: Engine;
  readonly turns: KeyTurns;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly mayHaveCode: (code: string) => boolean;
  /** Words that are never codes. */
  readonly reserved: readonly string[];
}

export function createGenerations(options: GenerationsOptions): Pick<Control, 'generate'> {
  const { store, generatorKeys, batches, engine, turns, shardOfBook } = options;
  let making = 0;

  const generate: Control['generate'] = async ({ bookId, pattern: text, quantity, origin }) => {
    const pattern = parsePattern(text, options.reserved);
    if (pattern.kind === 'patternError') throw new ControlError('invalid', pattern.message);
    const { caller, idempotency } = origin;
    const endTurn = await turns.take(requestKeyOf(caller, bookId, idempotency));
    try {
      const key = idempotency?.key ?? null;
      if (key !== null && (await isKeyRemembered(engine, { bookId, isCreation: false, caller, key }))) {
        endTurn();
        return null;
      }
      if (making >= GENERATIONS_MAX) throw new ControlError('tooMany', 'Too many generations are under way.');
    } catch (error) {
      endTurn();
      throw error;
    }
    making++;
    try {
      const { batchId, size, count } = await make(bookId, pattern, quantity, origin, endTurn);
      const { keyspace, keyspaceBits } = pattern;
      return { batchId, size, count, keyspace: String(keyspace), keyspaceBits } satisfies Generated;
    } finally {
      making--;
    }
  };

  /** Stages exactly `quantity` codes that are new, or rejects. */
  async function make(
    bookId: BookId,
    pattern: Pattern,
    quantity: number,
    { caller, requestId, idempotency }: Origin,
    endTurn: () => void,
  ): Promise<Pick<Finished, 'batchId' | 'size' | 'count'>> {
    let counters: CounterHolder = requestHolder(randomUUID());
    const hand = batches.take({
      bookId,
      isCreation: false,
      caller,
      requestId,
      key: idempotency?.key ?? null,
      fingerprint: idempotency?.fingerprint ?? null,
      counters,
      onSettled: endTurn,
    });
    try {
      const adopted = await hand.adopt();
      if (adopted !== null) return adopted;
      const reserved = await store.reserve(counters, countersOf(bookId, pattern, generatorKeys.activeId), quantity);
      const fresh = await createFreshCodes(options, bookId, pattern);
      if (reserved.kind === 'short') throw await fresh.tooFew(reserved.unreserved, quantity);

      const staging = store.stage(shardOfBook(bookId), bookId);
      const ranges: CounterRange[] = [...reserved.ranges];
      const codes = await fresh.make(ranges);
      await writeLines(codes, staging.writeRows);
      /** Replacements for codes that exist. */
      const refill = async (missing: number): Promise<true> => {
        const more = { holder: counters, wanted: missing, ranges, write: staging.writeRows, stopped: () => false };
        const count = await fresh.writeMore(more);
        if (count < missing) throw tooFewCodes(pattern, quantity - missing + count, quantity);
        return true;
      };
      const content = (): BatchContent => ({
        kind: 'generated',
        pattern: pattern.canonical,
        keyId: generatorKeys.activeId,
        ranges: [...ranges],
        order: 'byCode',
      });
      await refill(quantity - codes.length);
      const owner = {
        ...hand,
        async open(of: BatchContent) {
          const batchId = await hand.open(of);
          counters = batchHolder(batchId);
          return batchId;
        },
      };
      return await staging.finish(owner, { content, refill });
    } catch (error) {
      await hand.drop();
      throw error;
    }
  }

  return { generate };
}
