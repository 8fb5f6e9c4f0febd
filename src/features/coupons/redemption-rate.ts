/**
 * Redemptions of a book per minute, hour and day: rings of counters, each with the number of its
 * newest bucket. What a ring has moved past is gone; a late count for it is dropped.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

class Ring {
  readonly #widthMs: number;
  readonly #counts: Uint32Array;
  #newest = 0;

  constructor(widthMs: number, buckets: number) {
    this.#widthMs = widthMs;
    this.#counts = new Uint32Array(buckets);
  }

  add(atMs: number, change: number): void {
    const bucket = Math.floor(atMs / this.#widthMs);
    this.#moveTo(bucket);
    if (bucket <= this.#newest - this.#counts.length) return;
    const slot = bucket % this.#counts.length;
    this.#counts[slot] = (this.#counts[slot] as number) + change;
  }

  /** Oldest first, up to the bucket that holds `nowMs`. */
  read(nowMs: number): { counts: number[]; startMs: number } {
    const last = Math.floor(nowMs / this.#widthMs);
    const counts: number[] = [];
    for (let bucket = last - this.#counts.length + 1; bucket <= last; bucket++) {
      const held = bucket <= this.#newest && bucket > this.#newest - this.#counts.length && bucket >= 0;
      counts.push(held ? (this.#counts[bucket % this.#counts.length] as number) : 0);
    }
    return { counts, startMs: last * this.#widthMs };
  }

  #moveTo(bucket: number): void {
    if (bucket <= this.#newest) return;
    const first = Math.max(this.#newest + 1, bucket - this.#counts.length + 1);
    for (let cleared = first; cleared <= bucket; cleared++) this.#counts[cleared % this.#counts.length] = 0;
    this.#newest = bucket;
  }
}

export class RedemptionRate {
  readonly minutes = new Ring(MINUTE_MS, 60);
  readonly hours = new Ring(HOUR_MS, 48);
  readonly days = new Ring(DAY_MS, 30);

  add(atMs: number, change: 1 | -1): void {
    this.minutes.add(atMs, change);
    this.hours.add(atMs, change);
    this.days.add(atMs, change);
  }
}
