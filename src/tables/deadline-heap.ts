/**
 * The reservations that are held, and which of them ends next: a binary min-heap, ordered by
 * deadline. A reservation knows its place in it, so ending one is O(log n) without stale entries.
 */

export interface Ending {
  untilMs: number | null;
  /** Its place in the heap; -1: it is not in it. Only the heap changes it. */
  place: number;
}

export class DeadlineHeap<Item extends Ending> {
  readonly #items: Item[] = [];

  get count(): number {
    return this.#items.length;
  }

  first(): Item | undefined {
    return this.#items[0];
  }

  /** Adds an item, or moves it to its new deadline. */
  put(item: Item): void {
    if (item.place === -1) {
      item.place = this.#items.length;
      this.#items.push(item);
    }
    this.#sink(this.#rise(item.place));
  }

  remove(item: Item): void {
    const { place } = item;
    if (place === -1) return;
    item.place = -1;
    const last = this.#items.pop();
    if (last === undefined || last === item) return;
    this.#set(place, last);
    this.#sink(this.#rise(place));
  }

  #rise(from: number): number {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#untilMs(parent) <= this.#untilMs(place)) break;
      this.#swap(parent, place);
      place = parent;
    }
    return place;
  }

  #sink(from: number): void {
    for (let place = from; ; ) {
      let child = 2 * place + 1;
      if (child >= this.#items.length) return;
      if (child + 1 < this.#items.length && this.#untilMs(child + 1) < this.#untilMs(child)) child++;
      if (this.#untilMs(child) >= this.#untilMs(place)) return;
      this.#swap(child, place);
      place = child;
    }
  }

  #untilMs(place: number): number {
    return this.#items[place]?.untilMs ?? Number.POSITIVE_INFINITY;
  }

  #swap(a: number, b: number): void {
    // In bounds: both are places of the heap.
    const [itemA, itemB] = [this.#items[a] as Item, this.#items[b] as Item];
    this.#set(a, itemB);
    this.#set(b, itemA);
  }

  #set(place: number, item: Item): void {
    this.#items[place] = item;
    item.place = place;
  }
}
