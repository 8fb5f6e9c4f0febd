/** A client that catches up: where it is, and what was collected for its next chunk. */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { Interest, Positions, ResumeSource } from '../../engine/live.js';
import type { AuditFilter } from '../../postgres/audit-reader.js';
import { liveDeclarations } from '../../records/live.generated.js';
import { Interests } from './interests.js';
import type { LiveEvent } from './live-event.js';

/**
 * Of one chunk. An HTTP thread asks for a chunk while at most 64 KiB wait for the client, and cuts
 * the client when more than 256 KiB wait. A chunk has to fit in between, also when no byte of it
 * goes out meanwhile.
 */
const EVENTS_MAX = 500;
const CHUNK_BYTES_MAX = 128 * 1024;
/** What a message has around the text of its event: type, head of the cursor, and frame. */
const ENVELOPE_BYTES = 96;
/** Of a shard in the cursor. */
const POSITION_BYTES = 10;

/** A row names its promotions and its product in `detail`, so those of all are read. */
const kindsOf = (topic: 'promotion' | 'product'): readonly number[] =>
  liveDeclarations.filter(({ live }) => live.topics.includes(topic)).map(({ number }) => number);
const KINDS_OF_PROMOTIONS = kindsOf('promotion');
const KINDS_OF_STOCK = kindsOf('product');

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
  #collectedBytes = 0;
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
    return this.#collected.length >= EVENTS_MAX || this.#collectedBytes >= CHUNK_BYTES_MAX;
  }

  /** What can be asked of PostgreSQL. */
  get filter(): AuditFilter {
    const scopeIds = [...this.#own.ids('book'), ...this.#own.ids('campaign')];
    const kinds = [
      ...(this.#own.ids('promotion').length === 0 ? [] : KINDS_OF_PROMOTIONS),
      ...(this.#own.ids('product').length === 0 ? [] : KINDS_OF_STOCK),
    ];
    return { scopeIds, codes: this.#own.ids('code'), userIds: this.#own.ids('user'), kinds };
  }

  /**
   * Events that follow its position in the shard, some perhaps beyond `lastSeq`. Returns the new
   * position: `lastSeq`, or the last event that was taken if the chunk is full before.
   */
  take(shard: ShardId, events: readonly LiveEvent[], lastSeq: Seq): Seq {
    let reached = lastSeq;
    for (const event of events) {
      if (event.seq > lastSeq) break;
      const topics = this.#own.topicsOf(event);
      if (topics.length === 0) continue;
      this.#collected.push({ event, topics });
      this.#collectedBytes += ENVELOPE_BYTES + POSITION_BYTES * this.positions.size + bytesOf(event, topics);
      if (this.isFull) {
        reached = event.seq;
        break;
      }
    }
    this.positions.set(shard, reached);
    return reached;
  }

  /** The furthest source that was read from. */
  note(source: ResumeSource): void {
    const order: readonly ResumeSource[] = ['ring', 'journal', 'audit'];
    if (this.#source === null || order.indexOf(source) > order.indexOf(this.#source)) this.#source = source;
  }

  takeCollected(): { readonly events: readonly Collected[]; readonly source: ResumeSource | null } {
    const taken = { events: this.#collected, source: this.#source };
    this.#collected = [];
    this.#collectedBytes = 0;
    return taken;
  }
}

const bytesOf = (event: LiveEvent, topics: readonly string[]): number =>
  Buffer.byteLength(event.text()) + Buffer.byteLength(topics.join());
