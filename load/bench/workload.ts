/**
 * What one subject goes through: a book to assign from, a book of bearer codes to redeem, and runs of wrk on them.
 *
 * No run may run dry, and no code is redeemed twice. So a stock of codes is put in before anything is measured, as many as
 * the runs that are to come may use, and a run goes on in it where the one before stopped. Between runs the bench waits
 * until nothing is left behind the answers, so that no run pays for another.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureSync, type SyncTimes } from '../sync-time.js';
import { perOperation } from './cpu.js';
import type { Subject } from './subject.js';
import { runWrk, type WrkResult } from './wrk.js';

export const OPERATIONS = ['assign', 'redeem'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Measurement extends WrkResult {
  /** False: something was refused or broke, so the rate says nothing. */
  readonly valid: boolean;
  /** Microseconds of a core per operation, by process and thread; `all` is the sum, without wrk. */
  readonly cpuUs: Readonly<Record<string, number>>;
  readonly lagEventsAtEnd: number | null;
  /** From the end of the run until nothing was behind. */
  readonly lagClearedMs: number | null;
  readonly residentBytes: number;
  /** Of the disk, just before. */
  readonly sync: SyncTimes;
}

export interface Workload {
  readonly subject: Subject;
  /** Highest rate seen so far, or a guess. */
  rateOf(operation: Operation): number;
  /** Puts in codes until `count` are left. */
  stock(operation: Operation, count: number): Promise<void>;
  run(operation: Operation, connections: number, seconds: number): Promise<Measurement>;
}

/** A run that is faster than the fastest before by more than this may run dry, and shows it. */
export const STOCK_MARGIN = 1.4;
const CODES_AT_ONCE = 1_000_000;
const SYNCS = 200;
const LAG_POLL_MS = 50;
const LAG_WAIT_MS_MAX = 300_000;

interface Stock {
  readonly bookId: string;
  readonly prefix: string;
  /** Codes are used from this range, which is the last that was put in. */
  first: number;
  count: number;
  used: number;
}

/** `directory` is on the disk that the subject writes to. */
export async function createWorkload(subject: Subject, directory: string): Promise<Workload> {
  const rates = { assign: subject.rateGuess, redeem: subject.rateGuess };
  const stocks: Record<Operation, Stock> = {
    assign: emptyStock('A', await subject.newBook({ redeemableBy: 'assignee' })),
    redeem: emptyStock('R', await subject.newBook({ redeemableBy: 'bearer' })),
  };
  const books = join(directory, `${subject.name}-book`);
  writeFileSync(books, `${stocks.assign.bookId}\n`);
  let runs = 0;

  async function stock(operation: Operation, wanted: number): Promise<void> {
    const it = stocks[operation];
    if (it.count - it.used >= wanted) return;
    const first = it.first + it.count;
    for (let done = 0; done < wanted; done += CODES_AT_ONCE) {
      const count = Math.min(CODES_AT_ONCE, wanted - done);
      await subject.addCodes(it.bookId, { prefix: it.prefix, first: first + done, count });
    }
    Object.assign(it, { first, count: wanted, used: 0 });
    await waitForLag(subject);
  }

  async function run(operation: Operation, connections: number, seconds: number): Promise<Measurement> {
    const it = stocks[operation];
    await stock(operation, Math.ceil(rates[operation] * seconds * STOCK_MARGIN) + connections);
    const token = await subject.token();
    const tag = `${it.prefix.toLowerCase()}${String(++runs).padStart(2, '0')}`;
    const args =
      operation === 'assign'
        ? [token, tag, '1', books]
        : [token, it.prefix, it.first, Math.max(1, it.count), it.used, tag].map(String);
    // What earlier writes left in the page cache is not this run's.
    spawnSync('sync');
    const sync = measureSync(directory, SYNCS);
    const before = subject.cpu();
    const result = await runWrk({ script: operation, url: subject.url, connections, seconds, args });
    const endedMs = performance.now();
    const cpuUs = perOperation(before, subject.cpu(), result.requests);
    const lagEventsAtEnd = await subject.lagEvents();
    await waitForLag(subject);
    const lagClearedMs = lagEventsAtEnd === null ? null : performance.now() - endedMs;
    it.used += result.requests + connections;
    rates[operation] = Math.max(rates[operation], result.rate);
    const valid = result.refused === 0 && result.broken === 0;
    const residentBytes = subject.residentBytes();
    return { ...result, valid, cpuUs, lagEventsAtEnd, lagClearedMs, residentBytes, sync };
  }

  return {
    subject,
    rateOf: (operation) => rates[operation],
    stock,
    run,
  };
}

/** Runs that are not counted: what is compiled while it runs has been compiled, and the rates are known. */
export async function warmUp(workload: Workload, operations: readonly Operation[], seconds: number): Promise<void> {
  for (const operation of operations) await workload.run(operation, 64, seconds);
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

const emptyStock = (letter: string, bookId: string): Stock => ({
  bookId,
  prefix: `${letter}01`,
  first: 0,
  count: 0,
  used: 0,
});
