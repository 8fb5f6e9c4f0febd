/**
 * New codes of a pattern: which of its codes exist already, and how many can still be made.
 *
 * Counters make different codes, but a code of the pattern may exist nevertheless, because it was
 * uploaded or another book made it. The directory of live codes quickly excludes most of them;
 * PostgreSQL, which has all codes, decides.
 */
import { createCodeGenerator } from '../codes/generate.js';
import type { Pattern } from '../codes/pattern.js';
import { COUNTER_MAX, deriveKey } from '../codes/permutation.js';
import type { BookId } from '../domain/ids.js';
import { ControlError } from '../engine/engine.js';
import type { GeneratorKeys } from '../postgres/control/generator-keys.js';
import { countersIn } from '../postgres/staging/counters.js';
import type { ControlStore, CounterHolder, PatternCounters } from '../postgres/store.js';
import type { CounterRange } from '../records/batch-content.js';

/**
 * Up to this number a refusal gives the exact number of free codes: each has to be made and looked
 * up.
 */
const COUNTED_MAX = 10_000;

/** Codes that are made and looked up at once: about 10 ms of the main thread. */
const PIECE = 10_000;

/** Receives codes, one per line, as `Staging.writeRows` takes them. */
type Write = (lines: Uint8Array, count: number) => Promise<void>;

interface FreshCodes {
  /** The codes of these counters that do not exist. */
  make(ranges: readonly CounterRange[]): Promise<string[]>;
  /**
   * Reserves counters for the holder, adds them to `ranges` and writes the codes that do not exist,
   * until there are `wanted`. Resolves with how many there are: fewer only when no counter is left,
   * or when it was stopped.
   */
  writeMore(more: MoreCodes): Promise<number>;
  /** The refusal when only these counters are left of the `quantity` that was asked for. */
  tooFew(unreserved: readonly CounterRange[], quantity: number): Promise<ControlError>;
}

interface MoreCodes {
  readonly holder: CounterHolder;
  readonly wanted: number;
  readonly ranges: CounterRange[];
  readonly write: Write;
  readonly stopped: () => boolean;
}

interface FreshCodesOptions {
  readonly store: ControlStore;
  readonly generatorKeys: GeneratorKeys;
  /** False when no code like this one is live anywhere. */
  readonly mayHaveCode: (code: string) => boolean;
}

export function countersOf(bookId: BookId, { canonical, keyspace }: Pattern, keyId: number): PatternCounters {
  const counterCount = keyspace > BigInt(COUNTER_MAX) ? COUNTER_MAX : Number(keyspace);
  return { bookId, pattern: canonical, keyId, counterCount };
}

/** Making one costs up to 50 ms for small keyspaces. */
export async function createFreshCodes(
  { store, generatorKeys, mayHaveCode }: FreshCodesOptions,
  bookId: BookId,
  pattern: Pattern,
): Promise<FreshCodes> {
  const counters = countersOf(bookId, pattern, generatorKeys.activeId);
  const generator = createCodeGenerator(deriveKey(generatorKeys.active, bookId, pattern.canonical), pattern);

  async function make(ranges: readonly CounterRange[]): Promise<string[]> {
    const codes = ranges.flatMap(({ first, end }) => codesOf(generator.generate(first, end), pattern.length));
    const doubtful = codes.filter(mayHaveCode);
    if (doubtful.length === 0) return codes;
    const existing = await store.existingCodes(doubtful);
    return codes.filter((code) => !existing.has(code));
  }

  return {
    make,
    async writeMore({ holder, wanted, ranges: all, write, stopped }) {
      let count = 0;
      while (count < wanted && !stopped()) {
        const ranges = await store.reserveMore(holder, counters, Math.min(wanted - count, PIECE));
        if (ranges.length === 0) break;
        all.push(...ranges);
        const codes = await make(ranges);
        await writeLines(codes, write);
        count += codes.length;
      }
      return count;
    },
    async tooFew(unreserved, quantity) {
      const count = countersIn(unreserved);
      if (count > COUNTED_MAX) return tooFewCodes(pattern, `at most ${count}`, quantity);
      return tooFewCodes(pattern, (await make(unreserved)).length, quantity);
    },
  };
}

export async function writeLines(codes: readonly string[], write: Write): Promise<void> {
  if (codes.length > 0) await write(Buffer.from(`${codes.join('\n')}\n`, 'latin1'), codes.length);
}

export function tooFewCodes({ keyspace }: Pattern, free: number | string, quantity: number): ControlError {
  return new ControlError(
    'invalid',
    `The pattern has ${keyspace} possibilities, of which ${free} are free, and ${quantity} were asked for.`,
  );
}

function codesOf(bytes: Uint8Array<ArrayBuffer>, length: number): string[] {
  const text = Buffer.from(bytes.buffer).toString('latin1');
  return Array.from({ length: text.length / length }, (_, n) => text.slice(n * length, (n + 1) * length));
}
