/**
 * Loads the data that a batch of commands needs into the CPU's cache, before the first of them is
 * decided.
 *
 * Gain: 0.6 µs of CPU per assign and per redeem in a shard of a million codes, 0.2 µs while the
 * caches are warm.
 * Switch: `prefetch` (src/platform/work-arounds.ts), which `src/shard/turn.ts` asks.
 *
 * In a shard with a million codes, a command's code, its text and its user are anywhere in hundreds
 * of megabytes, and not in a cache. Each of these five memory accesses depends on the one before,
 * so a command waits for memory five times. The accesses of 32 commands are independent, though,
 * and a CPU executes a dozen independent loads at once. So here all commands take each step
 * together:
 *
 *     hash of the name ─▶ slot ─▶ row ─▶ text        for each code and user that is named
 *     random number ────▶ place in the pool ─▶ …     for each code that will be drawn
 *
 * Nothing is decided or stored here: a wrong guess (another command took the code, a slot holds
 * another name) only costs time. After the idea of Chen, Ailamaki, Gibbons and Mowry, "Improving
 * Hash Join Performance through Prefetching" (ICDE 2004), group prefetching.
 */

import type { BookId } from '../../domain/ids.js';
import type { Random } from '../../domain/random.js';
import type { Command } from '../../records/commands.generated.js';
import type { StringTable } from '../../tables/string-table.js';
import type { Pool } from './pool.js';
import { noteReads } from './reads.generated.js';
import type { Reads } from './reads.js';
import type { Coupons } from './state.js';

/**
 * Look-ups at once; further ones are not prefetched. At three lines of 64 bytes each they fit into
 * a first cache of 32 KiB.
 */
const LOOKUPS_MAX = 128;

export class Prefetch implements Reads {
  readonly #random: Random;
  readonly #tables = new Array<StringTable | null>(LOOKUPS_MAX).fill(null);
  /** Of each look-up in turn: hash of a name, index, offset of its text. */
  readonly #found = new Float64Array(LOOKUPS_MAX);
  #lookups = 0;
  readonly #pools = new Array<Pool | null>(LOOKUPS_MAX).fill(null);
  readonly #poolTables = new Array<StringTable | null>(LOOKUPS_MAX).fill(null);
  readonly #drawsBefore = new Uint32Array(LOOKUPS_MAX);
  #draws = 0;
  /** How many random numbers will have been used before the next command. */
  #rolls = 0;
  readonly #rollsBefore = new Uint32Array(LOOKUPS_MAX);
  /** The values have to be used, or the compiler may remove the loads. */
  sink = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Takes a command that is to be decided soon. */
  expect(coupons: Coupons, command: Command): void {
    noteReads(this, coupons, command);
  }

  /** A random number will be used. */
  roll(): void {
    this.#rolls++;
  }

  /** A string will be looked up. */
  name(table: StringTable, name: string): void {
    if (this.#lookups === LOOKUPS_MAX) return;
    this.#tables[this.#lookups] = table;
    this.#found[this.#lookups++] = table.peekHash(name);
  }

  /** A code will be drawn from the pool of a book. */
  draw(coupons: Coupons, bookId: BookId): void {
    const pool = coupons.book(bookId)?.pool;
    if (pool === undefined || this.#draws === LOOKUPS_MAX) return;
    let drawsBefore = 0;
    for (let i = 0; i < this.#draws; i++) if (this.#pools[i] === pool) drawsBefore++;
    this.#pools[this.#draws] = pool;
    this.#poolTables[this.#draws] = coupons.codes.strings;
    this.#drawsBefore[this.#draws] = drawsBefore;
    this.#rollsBefore[this.#draws++] = this.#rolls++;
  }

  /** Fetches for all that was expected, and forgets it. */
  run(): void {
    const tables = this.#tables;
    const found = this.#found;
    let sum = 0;
    for (let i = 0; i < this.#lookups; i++) found[i] = (tables[i] as StringTable).peekIndex(found[i] as number);
    for (let i = 0; i < this.#draws && this.#lookups < LOOKUPS_MAX; i++) {
      const random = this.#random.peek?.(this.#rollsBefore[i] as number);
      if (random === undefined) break;
      const pool = this.#pools[i] as Pool;
      const drawsBefore = this.#drawsBefore[i] as number;
      tables[this.#lookups] = this.#poolTables[i] as StringTable;
      found[this.#lookups++] = pool.peek(random, drawsBefore);
      sum += (this.#poolTables[i] as StringTable).peekOffset(pool.peekLast(drawsBefore));
    }
    for (let i = 0; i < this.#lookups; i++) found[i] = (tables[i] as StringTable).peekOffset(found[i] as number);
    for (let i = 0; i < this.#lookups; i++) sum += (tables[i] as StringTable).peekText(found[i] as number);
    this.sink = sum;
    // A dropped shard must not be kept alive by earlier look-ups.
    tables.fill(null, 0, this.#lookups);
    this.#pools.fill(null, 0, this.#draws);
    this.#poolTables.fill(null, 0, this.#draws);
    this.#lookups = 0;
    this.#draws = 0;
    this.#rolls = 0;
  }
}
