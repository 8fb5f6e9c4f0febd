/** One run of wrk on a subject, and all values measured around it. */
import { spawnSync } from 'node:child_process';
import { measureSync, type SyncTimes } from '../sync-time.js';
import { perOperation } from './cpu.js';
import type { Subject } from './subject.js';
import { runWrk, type WrkOptions, type WrkResult } from './wrk.js';

export interface Measurement extends WrkResult {
  /** False: something was refused or broke, so the rate says nothing. */
  readonly valid: boolean;
  /** Microseconds of a core per operation, by process and thread; `all` is the sum, without wrk. */
  readonly cpuUs: Readonly<Record<string, number>>;
  /**
   * The same until the projection had caught up: a run postpones work that happens after the
   * answer.
   */
  readonly settledCpuUs: Readonly<Record<string, number>>;
  readonly lagEventsAtEnd: number | null;
  /** From the end of the run until nothing was behind. */
  readonly lagClearedMs: number | null;
  readonly residentBytes: number;
  /** Of the disk, just before. */
  readonly sync: SyncTimes;
}

const SYNCS = 200;
const LAG_POLL_MS = 50;
const LAG_WAIT_MS_MAX = 300_000;

/**
 * What goes on beside a run: begins with it, ends soon after the signal, which comes at its end.
 */
export type Beside = (signal: AbortSignal) => Promise<void>;

/**
 * Ends when nothing is left behind the answers, so that no run pays for another. `directory` is on
 * the subject's disk.
 */
export async function measure(
  subject: Subject,
  directory: string,
  wrk: Omit<WrkOptions, 'url'>,
  beside: Beside = () => Promise.resolve(),
): Promise<Measurement> {
  // What earlier writes left in the page cache is not this run's.
  spawnSync('sync');
  const sync = measureSync(directory, SYNCS);
  const before = subject.cpu();
  const result = await runBeside(beside, () => runWrk({ ...wrk, url: subject.url }));
  const endedMs = performance.now();
  const cpuUs = perOperation(before, subject.cpu(), result.requests);
  const residentBytes = subject.residentBytes();
  const lagEventsAtEnd = await subject.lagEvents();
  await waitForLag(subject);
  const lagClearedMs = lagEventsAtEnd === null ? null : performance.now() - endedMs;
  const settledCpuUs = perOperation(before, subject.cpu(), result.requests);
  const valid = result.refused === 0 && result.broken === 0;
  return { ...result, valid, cpuUs, settledCpuUs, lagEventsAtEnd, lagClearedMs, residentBytes, sync };
}

async function runBeside<T>(beside: Beside, run: () => Promise<T>): Promise<T> {
  const ended = new AbortController();
  const [result] = await Promise.all([run().finally(() => ended.abort()), beside(ended.signal)]);
  return result;
}

export async function waitForLag(subject: Subject): Promise<void> {
  const untilMs = performance.now() + LAG_WAIT_MS_MAX;
  for (;;) {
    const lag = await subject.lagEvents();
    if (lag === null || lag === 0) return;
    if (performance.now() > untilMs) throw new Error(`${subject.name} is still ${lag} events behind`);
    await new Promise((resolve) => setTimeout(resolve, LAG_POLL_MS));
  }
}
