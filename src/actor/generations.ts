/**
 * Codes that are generated while the caller waits: their counters are reserved, the codes are made here and staged, and the HTTP
 * thread sends the command that makes them live. However that ends, `Batches` clears up: a generation that did not happen gives its
 * counters back.
 */
import { createHash } from 'node:crypto';
import { type Pattern, parsePattern } from '../codes/pattern.js';
import type { Origin } from '../domain/command.js';
import type { BookId, ShardId } from '../domain/ids.js';
import { batchHolder } from '../postgres/counters.js';
import type { ControlStore, Staging } from '../postgres/store.js';
import { ask, type Batches } from './batches.js';
import { type Control, ControlError, type Engine, type Generated } from './engine.js';
import { countersOf, createFreshCodes, tooFewCodes, writeLines } from './fresh-codes.js';

/** Under way at once. Each has at most 10,000 codes in memory. */
const GENERATIONS_MAX = 64;

export interface GenerationsOptions {
  readonly store: ControlStore;
  readonly batches: Batches;
  readonly engine: Engine;
  readonly shardOfBook: (bookId: BookId) => ShardId;
  readonly mayHaveCode: (code: string) => boolean;
  /** Words that are never codes. */
  readonly reserved: readonly string[];
}

export function createGenerations(options: GenerationsOptions): Pick<Control, 'generate'> {
  const { store, batches, engine, shardOfBook } = options;
  /** By the idempotency key of the request; each resolves when its batch is settled. */
  const underWay = new Map<string, Promise<void>>();
  let making = 0;

  const generate: Control['generate'] = async ({ bookId, pattern: text, quantity, origin }) => {
    const pattern = parsePattern(text, options.reserved);
    if (pattern.kind === 'patternError') throw new ControlError('invalid', pattern.message);
    const requestKey = requestKeyOf(bookId, origin);
    if (origin.idempotency === null || requestKey === null) return make(bookId, pattern, quantity, () => undefined);
    // Only one request of a key makes codes: a second one would not find enough counters where the first one took the last.
    for (let same = underWay.get(requestKey); same !== undefined; same = underWay.get(requestKey)) await same;
    let resolveMine = (): void => undefined;
    const mine = new Promise<void>((resolve) => {
      resolveMine = resolve;
    });
    underWay.set(requestKey, mine);
    const settled = (): void => {
      if (underWay.get(requestKey) === mine) underWay.delete(requestKey);
      resolveMine();
    };
    try {
      const { key } = origin.idempotency;
      if (await ask(engine, { kind: 'isKeyRemembered', bookId, caller: origin.caller, key })) {
        settled();
        return null;
      }
      return await make(bookId, pattern, quantity, settled);
    } catch (error) {
      settled();
      throw error;
    }
  };

  async function make(bookId: BookId, pattern: Pattern, quantity: number, onSettled: () => void): Promise<Generated> {
    if (making >= GENERATIONS_MAX) throw new ControlError('tooMany', 'Too many generations are under way.');
    making++;
    try {
      const staging = await store.stage(shardOfBook(bookId), bookId);
      const batchId = batches.keep({ bookId, staging, hasCounters: true, onSettled });
      try {
        const { size, count } = await fill(staging, bookId, pattern, quantity);
        const { keyspace, keyspaceBits } = pattern;
        return { batchId, size, count, keyspace: String(keyspace), keyspaceBits };
      } catch (error) {
        await batches.settle(batchId, 'dropped');
        throw error;
      }
    } finally {
      making--;
    }
  }

  /** Stages exactly `quantity` codes that are new, or rejects. */
  async function fill(
    staging: Staging,
    bookId: BookId,
    pattern: Pattern,
    quantity: number,
  ): Promise<{ readonly size: number; readonly count: number }> {
    const holder = batchHolder(staging.batchId);
    const counters = countersOf(bookId, pattern);
    const reserved = await store.reserve(holder, counters, quantity);
    const fresh = await createFreshCodes(options, bookId, pattern);
    if (reserved.kind === 'short') throw await fresh.tooFew(reserved.unreserved, quantity);

    const codes = await fresh.make(reserved.ranges);
    await writeLines(codes, staging.writeRows);
    /** Others in the place of those that exist. */
    const writeMore = async (missing: number): Promise<true> => {
      const count = await fresh.writeMore(holder, missing, staging.writeRows, () => false);
      if (count < missing) throw tooFewCodes(pattern, quantity - missing + count, quantity);
      return true;
    };
    await writeMore(quantity - codes.length);
    return staging.finish(writeMore);
  }

  return { generate };
}

/** What an idempotency key is remembered under: its caller and book; null without one. */
export function requestKeyOf(bookId: BookId, { caller, idempotency }: Origin): string | null {
  if (idempotency === null) return null;
  return createHash('sha256').update(`${caller}\0${bookId}\0${idempotency.key}`).digest('hex');
}
