/**
 * Who waits for which reply: slots that are used again and again, so that a request costs no entry
 * in a map, which would be rehashed thousands of times a second for keys that only ever grow. An id
 * is the number of a slot; it may name another request as soon as it was taken out, so whoever
 * sends a reply twice, or after its thread was given up, must not be heard.
 */
export interface Pending<Waiter> {
  readonly count: number;
  /** Puts a waiter in; its id. */
  add(waiter: Waiter): number;
  /** Who waits under that id, left in its place. */
  get(id: number): Waiter | undefined;
  /** Takes it out; undefined when nobody waits under that id. */
  take(id: number): Waiter | undefined;
  /** Takes out all that `isWanted`, in no order. */
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
