/**
 * Rates per name (a caller, an address, an email): how many in a window of fixed length, counted
 * from a name's first one. Fixed windows let twice the number pass around a border; for keeping
 * guessers slow that is good enough, and an entry is two numbers. The map is bounded: when it is
 * full, windows that are over go; if none is, the oldest one does.
 */
export interface RateLimit {
  /** When the window ends, Unix ms, if this name has used it up; else 0. */
  blockedUntil(name: string, nowMs: number): number;
  add(name: string, nowMs: number): void;
  /** Takes the last one back. */
  forgive(name: string): void;
  /** True when nothing is counted, so that the caller can spare itself finding out the name. */
  isEmpty(): boolean;
}

interface RateLimitOptions {
  readonly countMax: number;
  readonly windowMs: number;
  readonly namesMax: number;
}

interface Window {
  count: number;
  readonly endsMs: number;
}

export function createRateLimit({ countMax, windowMs, namesMax }: RateLimitOptions): RateLimit {
  const windows = new Map<string, Window>();

  function evict(nowMs: number): void {
    for (const [name, window] of windows) {
      // Insertion order is the order of their ends, so the first that still runs ends the search.
      if (window.endsMs > nowMs) break;
      windows.delete(name);
    }
    if (windows.size >= namesMax) windows.delete(windows.keys().next().value ?? '');
  }

  return {
    blockedUntil(name, nowMs) {
      const window = windows.get(name);
      return window !== undefined && window.count >= countMax && window.endsMs > nowMs ? window.endsMs : 0;
    },
    add(name, nowMs) {
      const window = windows.get(name);
      if (window !== undefined && window.endsMs > nowMs) {
        window.count++;
        return;
      }
      windows.delete(name);
      if (windows.size >= namesMax) evict(nowMs);
      windows.set(name, { count: 1, endsMs: nowMs + windowMs });
    },
    forgive(name) {
      const window = windows.get(name);
      if (window !== undefined && window.count > 0) window.count--;
    },
    isEmpty: () => windows.size === 0,
  };
}

/**
 * Connections, per address and in all.
 *
 * uWebSockets.js tells when a connection opens and when it closes, but at the close its address is
 * not known any more, so open connections of one address can't be counted. Two things can be
 * counted: all open connections, and how many an address opened during the last idle timeout (a
 * connection that says nothing for that long is ended by uWebSockets.js). The second matters only
 * past half of the total: then an address that opened too many is refused, the others are not. A
 * proxy that opens a connection per request is therefore not refused while few are open.
 */
interface ConnectionLimit {
  /**
   * False: refuse it. Every call is followed by one of `closed`, also for a refused one. Null: only
   * the total counts.
   */
  opened(address: string | null, nowMs: number): boolean;
  closed(): void;
  readonly count: number;
}

interface ConnectionLimitOptions {
  readonly connectionsMax: number;
  readonly perAddressMax: number;
}

const IDLE_TIMEOUT_MS = 10_000;
const ADDRESSES_MAX = 10_000;

export function createConnectionLimit({ connectionsMax, perAddressMax }: ConnectionLimitOptions): ConnectionLimit {
  const opens = createRateLimit({ countMax: perAddressMax, windowMs: IDLE_TIMEOUT_MS, namesMax: ADDRESSES_MAX });
  let count = 0;
  return {
    opened(address, nowMs) {
      count++;
      if (count > connectionsMax) return false;
      if (address === null) return true;
      if (count > connectionsMax / 2 && opens.blockedUntil(address, nowMs) > 0) return false;
      opens.add(address, nowMs);
      return true;
    },
    closed() {
      count--;
    },
    get count() {
      return count;
    },
  };
}
