/** Who watches what: counts of equal interests, by kind and id. */
import type { ShardId } from '../../domain/ids.js';
import type { Interest } from '../../engine/live.js';
import { type About, topicId } from './live-event.js';

export class Interests {
  readonly #byKind = {
    book: new Map<string, number>(),
    code: new Map<string, number>(),
    user: new Map<string, number>(),
    promotion: new Map<string, number>(),
    campaign: new Map<string, number>(),
    product: new Map<string, number>(),
    counts: new Map<string, number>(),
  };
  readonly #byShard = new Map<ShardId, number>();
  #ofAnyShard = 0;

  add(interests: readonly Interest[]): void {
    for (const interest of interests) this.#change(interest, 1);
  }

  remove(interests: readonly Interest[]): void {
    for (const interest of interests) this.#change(interest, -1);
  }

  /** False: no event of the shard can be of interest. */
  concerns(shard: ShardId): boolean {
    return this.#ofAnyShard > 0 || this.#byShard.has(shard);
  }

  /** Whether `topicsOf` has something for it. */
  hasTopicOf(about: About): boolean {
    for (const kind of about.live.topics) {
      if (kind === 'promotion') {
        if (about.promotionIds.some((id) => this.#byKind.promotion.has(id))) return true;
        continue;
      }
      const id = topicId(about, kind);
      if (id !== null && this.#byKind[kind].has(id)) return true;
    }
    return false;
  }

  /** The topics of an event that are watched, as `kind:id`. */
  topicsOf(event: About): string[] {
    const topics: string[] = [];
    for (const kind of event.live.topics) {
      if (kind === 'promotion') {
        for (const id of event.promotionIds) if (this.#byKind.promotion.has(id)) topics.push(`promotion:${id}`);
        continue;
      }
      const id = topicId(event, kind);
      if (id !== null && this.#byKind[kind].has(id)) topics.push(`${kind}:${id}`);
    }
    return topics;
  }

  countsBook(bookId: string): boolean {
    return this.#byKind.counts.has(bookId);
  }

  /** The ids of one kind. */
  ids(kind: Interest['kind']): string[] {
    return [...this.#byKind[kind].keys()];
  }

  #change({ kind, id, shard }: Interest, by: 1 | -1): void {
    count(this.#byKind[kind], id, by);
    if (shard === null) this.#ofAnyShard += by;
    else count(this.#byShard, shard, by);
  }
}

function count<Key>(counts: Map<Key, number>, key: Key, by: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + by;
  if (next > 0) counts.set(key, next);
  else counts.delete(key);
}
