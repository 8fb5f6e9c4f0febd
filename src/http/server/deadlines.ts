/**
 * Deadlines of many requests without a timer each. Nearly all have the same one, so they sit in a
 * list in the order in which they began: whatever is overdue is at its head, and joining and
 * leaving are a few assignments. The few that take longer (uploads, exports) are in a set that is
 * searched at each tick.
 */
/** What nearly all requests have. */
export const COMMON_DEADLINE_MS = 5000;

export interface Watched<T> {
  older: T | null;
  newer: T | null;
  deadlineMs: number;
  listedIn: 'nothing' | 'list' | 'set';
}

interface HasWatched<T> {
  readonly watched: Watched<T>;
}

export interface Deadlines<T> {
  /** For the common deadline. */
  watch(item: T): void;
  /** For another one; also moves it. */
  watchFor(item: T, ms: number): void;
  unwatch(item: T): void;
  /** Calls `expire` for all that are overdue; each has to leave, or to be watched for longer. */
  tick(): void;
  /** All that are watched, as they are now. */
  all(): T[];
  readonly count: number;
}

interface DeadlinesOptions<T> {
  readonly commonMs: number;
  readonly nowMs: () => number;
  readonly expire: (item: T) => void;
}

export function createDeadlines<T extends HasWatched<T>>({
  commonMs,
  nowMs,
  expire,
}: DeadlinesOptions<T>): Deadlines<T> {
  const slow = new Set<T>();
  let oldest: T | null = null;
  let newest: T | null = null;
  let listed = 0;

  function unwatch(item: T): void {
    const { watched } = item;
    if (watched.listedIn === 'set') slow.delete(item);
    else if (watched.listedIn === 'list') {
      if (watched.older === null) oldest = watched.newer;
      else watched.older.watched.newer = watched.newer;
      if (watched.newer === null) newest = watched.older;
      else watched.newer.watched.older = watched.older;
      watched.older = null;
      watched.newer = null;
      listed--;
    }
    watched.listedIn = 'nothing';
  }

  return {
    watch(item) {
      const { watched } = item;
      watched.deadlineMs = nowMs() + commonMs;
      watched.listedIn = 'list';
      watched.older = newest;
      if (newest === null) oldest = item;
      else newest.watched.newer = item;
      newest = item;
      listed++;
    },
    watchFor(item, ms) {
      unwatch(item);
      item.watched.deadlineMs = nowMs() + ms;
      item.watched.listedIn = 'set';
      slow.add(item);
    },
    unwatch,
    tick() {
      const now = nowMs();
      while (oldest !== null && oldest.watched.deadlineMs <= now) expire(oldest);
      for (const item of slow) if (item.watched.deadlineMs <= now) expire(item);
    },
    all() {
      const items = [...slow];
      for (let item = oldest; item !== null; item = item.watched.newer) items.push(item);
      return items;
    },
    get count() {
      return listed + slow.size;
    },
  };
}
