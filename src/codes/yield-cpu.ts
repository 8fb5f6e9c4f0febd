/**
 * Called between two steps of a long computation: lets waiting threads have this core.
 *
 * Linux takes a thread that computes off its core at a tick, every 4 ms, and not before its slice
 * is over, however low its priority. On two cores that a batch keeps busy, a redeem waits for that
 * at each of its hops from thread to thread and after its sync, 4 to 8 ms a time. A thread that
 * sleeps for a moment every millisecond leaves its place at once; it costs it a tenth of its time.
 */
export type YieldCpu = () => void;

const SLEEP_MS = 0.05;
const never = new Int32Array(new SharedArrayBuffer(4));

/** For threads that serve nobody. */
export const yieldCpu: YieldCpu = () => void Atomics.wait(never, 0, 0, SLEEP_MS);
