/**
 * Counts of books that somebody watches. A book that changes all the time is asked for ten times a
 * second at most.
 */
import { asBookId, type ShardId } from '../../domain/ids.js';
import type { Engine } from '../../engine/engine.js';
import { countsJson } from '../api/views.js';
import { isoTime } from '../fast/iso-time.js';
import { hintMessage } from './messages.js';

export interface CountsFeed {
  /** Something of the book has changed, or somebody new watches it. */
  changed(bookId: string): void;
  /**
   * Sends the counts that have arrived. To be called with events that are sent anyway: then a
   * connection gets all of them in one write.
   */
  flush(): void;
  /** To be called every 100 ms. */
  tick(): void;
}

interface CountsFeedOptions {
  readonly engine: Engine;
  readonly nowMs: () => number;
  readonly isWatched: (bookId: string) => boolean;
  readonly onCounts: (bookId: string, shard: ShardId, at: string, data: object) => void;
  /** For the staff alone. */
  readonly onHint: (bookId: string, message: string) => void;
}

/** A pool with less than this share of its codes is low. */
const POOL_LOW_SHARE = 0.1;

export function createCountsFeed({ engine, nowMs, isWatched, onCounts, onHint }: CountsFeedOptions): CountsFeed {
  const changed = new Set<string>();
  const asked = new Set<string>();
  /** Books whose pool was low when they were asked for last. */
  const low = new Set<string>();
  /** Counts that wait for the next events, or for the next tick. */
  const arrived = new Map<string, () => void>();

  function ask(bookId: string): void {
    asked.add(bookId);
    engine.query({ kind: 'getBook', bookId: asBookId(bookId) }, null, (reply) => {
      asked.delete(bookId);
      if (reply.kind === 'unavailable') return void changed.add(bookId);
      if (reply.kind !== 'result' || reply.result.kind !== 'book') return;
      const { counts } = reply.result.view;
      const at = isoTime(nowMs());
      const { shard } = reply;
      arrived.set(bookId, () => onCounts(bookId, shard, at, { couponBookId: bookId, counts: countsJson(counts) }));
      const { available, total } = counts;
      if (total === 0 || available >= total * POOL_LOW_SHARE) return void low.delete(bookId);
      if (low.has(bookId)) return;
      low.add(bookId);
      onHint(bookId, hintMessage(`book:${bookId}`, 'pool.low', at, { couponBookId: bookId, available, total }));
    });
  }

  function flush(): void {
    for (const send of arrived.values()) send();
    arrived.clear();
  }

  return {
    changed: (bookId) => void changed.add(bookId),
    flush,
    tick() {
      flush();
      for (const bookId of [...changed]) {
        if (asked.has(bookId)) continue;
        changed.delete(bookId);
        if (isWatched(bookId)) ask(bookId);
        else low.delete(bookId);
      }
    },
  };
}
