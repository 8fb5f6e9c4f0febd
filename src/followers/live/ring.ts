/**
 * The newest batches of all shards, in memory, for clients that resume. The events of a batch are
 * decoded when somebody first resumes from them, and the oldest decoded ones are dropped again:
 * nobody resumes from most batches.
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { About, LiveEvent } from './live-event.js';

/** Events after `afterSeq` through `lastSeq`, complete. */
export interface RingBatch {
  readonly shard: ShardId;
  readonly afterSeq: Seq;
  readonly lastSeq: Seq;
  readonly bytes: number;
  /** Decodes them. Absent `isWanted`: all of them. */
  read(isWanted?: (about: About) => boolean): readonly LiveEvent[];
}

interface Kept {
  readonly batch: RingBatch;
  events: readonly LiveEvent[] | null;
}

interface RingOptions {
  /** Of the batches, as they are in the journal. */
  readonly bytesMax: number;
  readonly decodedEventsMax: number;
}

export class Ring {
  readonly #options: RingOptions;
  readonly #byShard = new Map<ShardId, Kept[]>();
  /** In the order in which they came. */
  #order = new Set<Kept>();
  /** In the order in which they were decoded. */
  #decoded = new Set<Kept>();
  #bytes = 0;
  #decodedEvents = 0;

  constructor(options: RingOptions) {
    this.#options = options;
  }

  /** The batch follows the last one of its shard, or is the same one again. */
  add(batch: RingBatch): void {
    const list = this.#byShard.get(batch.shard);
    const newest = list?.at(-1);
    if (newest?.batch.lastSeq === batch.lastSeq) return;
    const kept: Kept = { batch, events: null };
    if (list === undefined) this.#byShard.set(batch.shard, [kept]);
    else list.push(kept);
    this.#order.add(kept);
    this.#bytes += batch.bytes;
    while (this.#bytes > this.#options.bytesMax && this.#order.size > 1) this.#dropOldest();
  }

  /** Whether it has all events of the shard after `seq`. */
  reaches(shard: ShardId, seq: Seq): boolean {
    const oldest = this.#byShard.get(shard)?.[0];
    return oldest !== undefined && oldest.batch.afterSeq <= seq;
  }

  /** The events after `seq` in the first batch that goes further; null: there is none. */
  next(shard: ShardId, seq: Seq): { readonly events: readonly LiveEvent[]; readonly lastSeq: Seq } | null {
    const list = this.#byShard.get(shard) ?? [];
    let low = 0;
    let high = list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((list[middle]?.batch.lastSeq ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    const kept = list[low];
    if (kept === undefined) return null;
    const events = this.#eventsOf(kept);
    const isWhole = kept.batch.afterSeq >= seq;
    return { events: isWhole ? events : events.filter((event) => event.seq > seq), lastSeq: kept.batch.lastSeq };
  }

  clear(): void {
    this.#byShard.clear();
    this.#order = new Set();
    this.#decoded = new Set();
    this.#bytes = 0;
    this.#decodedEvents = 0;
  }

  #eventsOf(kept: Kept): readonly LiveEvent[] {
    if (kept.events !== null) return kept.events;
    const events = kept.batch.read();
    if (!this.#order.has(kept)) return events;
    kept.events = events;
    this.#decoded.add(kept);
    this.#decodedEvents += events.length;
    for (const oldest of this.#decoded) {
      if (this.#decodedEvents <= this.#options.decodedEventsMax || oldest === kept) break;
      this.#forget(oldest);
    }
    return events;
  }

  #dropOldest(): void {
    for (const oldest of this.#order) {
      this.#order.delete(oldest);
      this.#forget(oldest);
      this.#bytes -= oldest.batch.bytes;
      // The oldest of all is the oldest of its shard.
      this.#byShard.get(oldest.batch.shard)?.shift();
      return;
    }
  }

  #forget(kept: Kept): void {
    if (!this.#decoded.delete(kept)) return;
    this.#decodedEvents -= kept.events?.length ?? 0;
    kept.events = null;
  }
}
