/** A client that catches up: where it is, and what was collected for its next chunk. */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { Interest, Positions, ResumeSource } from '../../engine/live.js';
import type { AuditFilter } from '../../postgres/audit-reader.js';
import { Interests } from './interests.js';
import type { LiveEvent } from './live-event.js';

/** Of one chunk. */
const EVENTS_MAX = 500;

interface Collected {
  readonly event: LiveEvent;
  readonly topics: readonly string[];
}

export class Subscriber {
  readonly id: number;
  readonly interests: readonly Interest[];
  readonly positions: Map<ShardId, Seq>;
  readonly through: Positions | null;
  isLive = false;
  isReading = false;
  hasEnded = false;
  readonly #own = new Interests();
  #collected: Collected[] = [];
  #source: ResumeSource | null = null;

  constructor({ id, interests, positions, through }: Pick<Subscriber, 'id' | 'interests' | 'positions' | 'through'>) {
    this.id = id;
    this.interests = interests;
    this.positions = positions;
    this.through = through;
    this.#own.add(interests);
  }

  /**
   * How far the live thread must be before this can become live or end: a snapshot can be ahead of
   * the thread.
   */
  endOf(shard: ShardId, position: Seq): Seq {
    return this.through === null ? (this.positions.get(shard) ?? position) : (this.through.get(shard) ?? position);
  }

  get isFull(): boolean {
    return this.#collected.length >= EVENTS_MAX;
  }

  /** What can be asked of PostgreSQL. */
  get filter(): AuditFilter {
    return { bookIds: this.#own.ids('book'), codes: this.#own.ids('code'), userIds: this.#own.ids('user') };
  }

  /** Events that follow its position in the shard, some perhaps beyond `lastSeq`. */
  take(shard: ShardId, events: readonly LiveEvent[], lastSeq: Seq): void {
    for (const event of events) {
      if (event.seq > lastSeq) break;
      const topics = this.#own.topicsOf(event);
      if (topics.length > 0) this.#collected.push({ event, topics });
    }
    this.positions.set(shard, lastSeq);
  }

  /** The furthest source that was read from. */
  note(source: ResumeSource): void {
    const order: readonly ResumeSource[] = ['ring', 'journal', 'audit'];
    if (this.#source === null || order.indexOf(source) > order.indexOf(this.#source)) this.#source = source;
  }

  takeCollected(): { readonly events: readonly Collected[]; readonly source: ResumeSource | null } {
    const taken = { events: this.#collected, source: this.#source };
    this.#collected = [];
    return taken;
  }
}
