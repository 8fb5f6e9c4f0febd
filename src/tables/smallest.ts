/**
 * The smallest of many numbers, in memory for twice as many as are wanted. Numbers above the
 * current bound are skipped, and when the memory is full, the larger half is dropped.
 */
export class Smallest {
  readonly #count: number;
  #kept: number[] = [];
  /** No number from here on is among the smallest. */
  #bound = Number.POSITIVE_INFINITY;

  /** Keeps the `count` smallest; at least one. */
  constructor(count: number) {
    this.#count = count;
  }

  add(value: number): void {
    if (value >= this.#bound) return;
    this.#kept.push(value);
    if (this.#kept.length < 2 * this.#count) return;
    this.#kept = this.ascending();
    this.#bound = this.#kept[this.#count - 1] as number;
  }

  ascending(): number[] {
    return this.#kept.sort((a, b) => a - b).slice(0, this.#count);
  }
}
