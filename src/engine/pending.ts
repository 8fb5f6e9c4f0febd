/**
 * Waiting requests by id, in reused slots. A map would be rehashed thousands of times a second,
 * because its keys only grow. An id is the number of a slot; it may name another request as soon as
 * it was taken out, so a reply that comes twice, or from a thread that was given up, must be
 * ignored.
 */
export interface Pending<Waiter> {
  readonly count: number;
  /** Adds a waiter; returns its id. */
  add(waiter: Waiter): number;
  /** The waiter with this id, which stays. */
  get(id: number): Waiter | undefined;
  /** Removes it; undefined when there is no waiter with this id. */
  take(id: number): Waiter | undefined;
  /** Removes all that `isWanted`, in any order. */
  takeAll(isWanted: (waiter: Waiter) => boolean): Waiter[];
}

export function createPending<Waiter extends object>(): Pending<Waiter> {
  const waiters: (Waiter | undefined)[] = [];
  const free: number[] = [];
  let count = 0;

  function take(id: number): Waiter | undefined {
    const waiter = waiters[id];
    if (waiter === undefined) return undefined;
    waiters[id] = undefined;
    free.push(id);
    count--;
    return waiter;
  }

  return {
    get count() {
      return count;
    },
    add(waiter) {
      count++;
      const id = free.pop();
      if (id === undefined) return waiters.push(waiter) - 1;
      waiters[id] = waiter;
      return id;
    },
    get: (id) => waiters[id],
    take,
    takeAll(isWanted) {
      const taken: Waiter[] = [];
      for (let id = 0; id < waiters.length; id++) {
        const waiter = waiters[id];
        if (waiter === undefined || !isWanted(waiter)) continue;
        take(id);
        taken.push(waiter);
      }
      return taken;
    },
  };
}
