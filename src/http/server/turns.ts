/**
 * Turns at work that is expensive on purpose: verifying a password takes tens of milliseconds of a
 * core. A few run at once, in all, per address and per email; the others wait for their turn.
 *
 *     address a ─▶ lane ▮▮▮▮ ┐
 *     address b ─▶ lane ▮    ├─▶ one of each lane in turn ─▶ running
 *     address c ─▶ lane ▮▮   ┘
 *
 * A limit that refuses before it verifies would let anybody lock anybody else out. So no caller is
 * refused because of other callers: an address that floods delays only itself. Both the lanes and
 * all of them together are bounded. When all are full, the longest lane gives its newest for one of
 * a shorter lane.
 */
export interface Turns {
  /** Resolves at its turn, with what ends the turn; null: too many wait. */
  take(address: string, email: string): Promise<(() => void) | null>;
}

export interface TurnsOptions {
  readonly atOnceMax: number;
  /** Of one address, and of one email. */
  readonly atOncePerNameMax: number;
  readonly waitingMax: number;
  readonly waitingPerAddressMax: number;
}

interface Waiter {
  readonly address: string;
  readonly email: string;
  answer(end: (() => void) | null): void;
}

export function createTurns(options: TurnsOptions): Turns {
  const { atOnceMax, atOncePerNameMax, waitingMax, waitingPerAddressMax } = options;
  /** Those who wait, by address. The lane that comes next is the first; none is empty. */
  const lanes = new Map<string, Waiter[]>();
  const ofAddress = createTally();
  const ofEmail = createTally();
  let waiting = 0;
  let running = 0;

  function run(waiter: Waiter): void {
    const { address, email } = waiter;
    running++;
    ofAddress.add(address, 1);
    ofEmail.add(email, 1);
    waiter.answer(() => {
      running--;
      ofAddress.add(address, -1);
      ofEmail.add(email, -1);
      runWaiting();
    });
  }

  const mayRun = ({ address, email }: Waiter): boolean =>
    running < atOnceMax && ofAddress.of(address) < atOncePerNameMax && ofEmail.of(email) < atOncePerNameMax;

  /**
   * Starts all that can run: one end may free a turn for two, one of its address and one of its
   * email.
   */
  function runWaiting(): void {
    while (runNext());
  }

  function runNext(): boolean {
    if (running >= atOnceMax) return false;
    for (const [address, lane] of lanes) {
      const waiter = lane.find(mayRun);
      if (waiter === undefined) continue;
      lanes.delete(address);
      lane.splice(lane.indexOf(waiter), 1);
      if (lane.length > 0) lanes.set(address, lane);
      waiting--;
      run(waiter);
      return true;
    }
    return false;
  }

  /**
   * Whether one more may wait in a lane of this length. If too many wait, the newest of the longest
   * lane is refused for it.
   */
  function admit(length: number): boolean {
    if (waiting < waitingMax) return true;
    let longest: Waiter[] = [];
    for (const lane of lanes.values()) if (lane.length > longest.length) longest = lane;
    if (longest.length <= length + 1) return false;
    longest.pop()?.answer(null);
    waiting--;
    return true;
  }

  return {
    take: (address, email) =>
      new Promise((answer) => {
        const waiter = { address, email, answer };
        if (mayRun(waiter)) return run(waiter);
        const lane = lanes.get(address) ?? [];
        if (lane.length >= waitingPerAddressMax || !admit(lane.length)) return answer(null);
        lane.push(waiter);
        lanes.set(address, lane);
        waiting++;
      }),
  };
}

function createTally(): { of(name: string): number; add(name: string, by: 1 | -1): void } {
  const counts = new Map<string, number>();
  return {
    of: (name) => counts.get(name) ?? 0,
    add(name, by) {
      const count = (counts.get(name) ?? 0) + by;
      if (count === 0) counts.delete(name);
      else counts.set(name, count);
    },
  };
}
