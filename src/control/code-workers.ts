/**
 * The main thread's side of the pool that generates and parses codes: a bounded number of tasks in
 * flight, with backpressure from a slow receiver.
 */
import { MessageChannel, type Transferable } from 'node:worker_threads';
import type { ParseReport } from '../codes/code-sink.js';
import { RUN_ROWS_MAX } from '../codes/copy-rows.js';
import { UploadMalformed, type UploadShape } from '../codes/parse.js';
import type { CodeLines, CodeTask, GenerateTask, ParsedChunk } from '../codes/tasks.js';
import type { CounterRange } from '../records/batch-content.js';

/** The part of piscina that is used here. */
interface TaskPool {
  run(task: CodeTask, options?: { transferList?: Transferable[] }): Promise<unknown>;
}

/** What to generate: the codes of these counters. */
interface GenerateSpec extends Pick<GenerateTask, 'key' | 'pattern'> {
  readonly ranges: readonly CounterRange[];
  /** Null: a code a line. Else rows of that batch, in sorted runs, their ordinals from 0. */
  readonly batchId: number | null;
}

/** Receives lines of COPY text, in order; the next call waits until it resolves. */
type TakeLines = (lines: CodeLines) => Promise<void>;

export interface UploadParser {
  /**
   * Takes the bytes over. Resolves when more is wanted. Rejects with `UploadMalformed`, or as
   * `take` did.
   */
  push(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  end(): Promise<ParseReport>;
  /** At any time. */
  close(): void;
}

export interface CodeWorkers {
  /** `stopped` is asked between pieces. */
  generate(spec: GenerateSpec, take: TakeLines, stopped: () => boolean): Promise<void>;
  parser(shape: UploadShape, take: TakeLines): UploadParser;
}

const PIECE_ROWS = 16_384;
/**
 * The first run of rows; each is twice as long as the one before, so that PostgreSQL can start
 * early.
 */
const RUN_ROWS_MIN = 32_768;
/**
 * Pieces that are generated ahead of the receiver. Runs are not: PostgreSQL needs longer for one
 * than the next takes to generate, and on two busy cores callers would wait (p99 21 ms instead of
 * 16, without a gain for the batch).
 */
const PIECES_AHEAD = 4;
const CHUNKS_UNDER_WAY_MAX = 4;

/** `reserved` words are neither generated nor accepted as codes. */
export function createCodeWorkers(pool: TaskPool, reserved: readonly string[]): CodeWorkers {
  const generate: CodeWorkers['generate'] = async ({ key, pattern, ranges, batchId }, take, stopped) => {
    const underWay: { readonly bytes: Promise<unknown>; readonly count: number }[] = [];
    const rest = [...ranges];
    let firstOrdinal = 0;
    let rows = batchId === null ? PIECE_ROWS : RUN_ROWS_MIN;
    const start = (): void => {
      const range = rest.shift();
      if (range === undefined) return;
      const from = range.first;
      const to = Math.min(from + rows, range.end);
      if (to < range.end) rest.unshift({ first: to, end: range.end });
      const rowsOf = batchId === null ? null : { batchId, firstOrdinal };
      if (rowsOf !== null) rows = Math.min(2 * rows, RUN_ROWS_MAX);
      const bytes = pool.run({ kind: 'generate', key, pattern, reserved, from, to, rowsOf });
      // Awaited later; until then a failure must not count as unhandled.
      bytes.catch(() => undefined);
      underWay.push({ bytes, count: to - from });
      firstOrdinal += to - from;
    };
    const ahead = batchId === null ? PIECES_AHEAD : 0;
    for (let i = 0; i <= ahead; i++) start();
    for (let piece = underWay.shift(); piece !== undefined && !stopped(); piece = underWay.shift()) {
      const bytes = (await piece.bytes) as Uint8Array<ArrayBuffer>;
      if (ahead > 0) start();
      await take({ bytes, count: piece.count });
      if (ahead === 0) start();
    }
  };

  return { generate, parser: (shape, take) => createUploadParser(pool, shape, reserved, take) };
}

function createUploadParser(
  pool: TaskPool,
  shape: UploadShape,
  reserved: readonly string[],
  take: TakeLines,
): UploadParser {
  const { port1: port, port2 } = new MessageChannel();
  let underWay = 0;
  let taken: Promise<void> = Promise.resolve();
  let failure: Error | null = null;
  let report: ParseReport | null = null;
  let wake = (): void => undefined;

  function fail(error: unknown): void {
    failure ??= error instanceof Error ? error : new Error(String(error));
    wake();
  }

  function receive(message: ParsedChunk): void {
    if (message.kind === 'malformed') {
      fail(new UploadMalformed(message.message, null, message.fault));
      return;
    }
    taken = taken.then(async () => {
      if (failure === null) for (const lines of message.lines) await take(lines);
      underWay--;
      if (message.kind === 'ended') report = message.report;
      wake();
    });
    taken.catch(fail);
  }

  /** Resolves when `isSo`; rejects when it never will be. */
  async function until(isSo: () => boolean): Promise<void> {
    while (failure === null && !isSo()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    if (failure !== null) throw failure;
  }

  port.on('message', receive);
  pool
    .run({ kind: 'parse', shape, reserved, port: port2 }, { transferList: [port2] })
    .then(() => fail(new Error('the upload was given up')), fail);

  return {
    async push(bytes) {
      if (failure !== null) throw failure;
      underWay++;
      port.postMessage(bytes, [bytes.buffer]);
      await until(() => underWay < CHUNKS_UNDER_WAY_MAX);
    },
    async end() {
      underWay++;
      port.postMessage(null);
      await until(() => report !== null);
      port.close();
      // Set before `until` resolves.
      return report as unknown as ParseReport;
    },
    close: () => port.close(),
  };
}
