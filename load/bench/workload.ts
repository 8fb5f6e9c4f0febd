/**
 * What one subject goes through: books to assign from, books of bearer codes to redeem, and runs of
 * wrk on them.
 *
 * No run may run dry, and no code is redeemed twice. So a stock of codes is put in before anything
 * is measured, as many as the runs that are to come may use, and a run goes on in it where the one
 * before stopped.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CODES_MAX } from './codes.js';
import { whole } from './figures.js';
import { type Beside, type Measurement, measure, waitForLag } from './measurement.js';
import type { NewBook, Subject } from './subject.js';

export const OPERATIONS = ['assign', 'redeem'] as const;
export type Operation = (typeof OPERATIONS)[number];

export interface Workload {
  readonly subject: Subject;
  /** Highest rate seen so far, or a guess. */
  rateOf(operation: Operation): number;
  /** Puts in codes until `count` are left. */
  stock(operation: Operation, count: number): Promise<void>;
  run(operation: Operation, connections: number, seconds: number, beside?: Beside): Promise<Measurement>;
}

export interface WorkloadOptions {
  /**
   * Resolves to the ids of the books of an operation, which requests go through in turn; one where
   * absent.
   */
  readonly newBooks?: (settings: NewBook) => Promise<readonly string[]>;
  /** How much a run may be faster than the fastest before it, before it runs dry, and shows it. */
  readonly stockMargin?: number;
  /** After each million codes and at the end. */
  readonly onStocked?: (done: number, wanted: number) => void;
}

export const STOCK_MARGIN = 1.4;
const CODES_AT_ONCE = 1_000_000;

interface Stock {
  readonly bookIds: readonly string[];
  readonly prefix: string;
  /** Codes are used from this range, which is the last that was put in. */
  first: number;
  count: number;
  used: number;
}

/** `directory` is on the disk that the subject writes to. */
export async function createWorkload(
  subject: Subject,
  directory: string,
  options: WorkloadOptions = {},
): Promise<Workload> {
  const { stockMargin = STOCK_MARGIN, onStocked } = options;
  const newBooks = options.newBooks ?? (async (settings: NewBook) => [await subject.newBook(settings)]);
  const rates = { assign: subject.rateGuess, redeem: subject.rateGuess };
  const stocks: Record<Operation, Stock> = {
    assign: emptyStock('A', await newBooks({ redeemableBy: 'assignee' })),
    redeem: emptyStock('R', await newBooks({ redeemableBy: 'bearer' })),
  };
  const books = join(directory, `${subject.name}-books`);
  writeFileSync(books, stocks.assign.bookIds.map((id) => `${id}\n`).join(''));
  let runs = 0;

  async function stock(operation: Operation, wanted: number): Promise<void> {
    const it = stocks[operation];
    if (it.count - it.used >= wanted) return;
    const first = it.first + it.count;
    if (first + wanted > CODES_MAX)
      throw new Error(`${whole(wanted)} more codes are too many: a bench can have ${whole(CODES_MAX)} of a kind`);
    for (let done = 0; done < wanted; done += CODES_AT_ONCE) {
      const count = Math.min(CODES_AT_ONCE, wanted - done);
      await addToAll(it, first + done, count);
      onStocked?.(done + count, wanted);
    }
    Object.assign(it, { first, count: wanted, used: 0 });
    await waitForLag(subject);
  }

  /**
   * To each book its share, of codes that follow each other: redeem.lua jumps about among all of
   * them anyway.
   */
  async function addToAll({ bookIds, prefix }: Stock, first: number, count: number): Promise<void> {
    for (const [i, bookId] of bookIds.entries()) {
      const from = Math.floor((count * i) / bookIds.length);
      const to = Math.floor((count * (i + 1)) / bookIds.length);
      if (to > from) await subject.addCodes(bookId, { prefix, first: first + from, count: to - from });
    }
  }

  async function run(
    operation: Operation,
    connections: number,
    seconds: number,
    beside?: Beside,
  ): Promise<Measurement> {
    const it = stocks[operation];
    await stock(operation, Math.ceil(rates[operation] * seconds * stockMargin) + connections);
    const token = await subject.token();
    const tag = `${it.prefix.toLowerCase()}${String(++runs).padStart(2, '0')}`;
    const args =
      operation === 'assign'
        ? [token, tag, '1', books]
        : [token, it.prefix, it.first, Math.max(1, it.count), it.used, tag].map(String);
    const measured = await measure(subject, directory, { script: operation, connections, seconds, args }, beside);
    it.used += measured.requests + connections;
    rates[operation] = Math.max(rates[operation], measured.rate);
    return measured;
  }

  return {
    subject,
    rateOf: (operation) => rates[operation],
    stock,
    run,
  };
}

/**
 * Runs that are not counted: what is compiled while it runs has been compiled, and the rates are
 * known.
 */
export async function warmUp(workload: Workload, operations: readonly Operation[], seconds: number): Promise<void> {
  for (const operation of operations) await workload.run(operation, 64, seconds);
}

const emptyStock = (letter: string, bookIds: readonly string[]): Stock => ({
  bookIds,
  prefix: `${letter}01`,
  first: 0,
  count: 0,
  used: 0,
});
