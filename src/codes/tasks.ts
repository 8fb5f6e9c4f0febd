/**
 * What a worker of the pool does: one piece of generating, or one upload from its first chunk to
 * its last. Both emit lines of COPY text in buffers that are moved to the asker, not copied.
 *
 * Generating is stateless: counters in, codes out. Parsing is not: a chunk may end inside a code or
 * a quoted field. So an upload is one task that lasts as long as it does, with a port of its own.
 * It waits most of the time, and a worker has many.
 *
 *     asker ── chunk ──▶ worker        one `ParsedChunk` for each chunk, in their order, so that the asker
 *           ◀─ batches ─               can count what is under way
 *           ── null ───▶               the end: the last batches and the report
 */
import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import { yieldCpu } from '../platform/yield-cpu.js';
import type { ParseReport } from './code-sink.js';
import { batchRows, codeLines, createRowOrder, type RowOrder } from './copy-rows.js';
import { type CodeGenerator, createCodeGenerator } from './generate.js';
import { createCodeBytesParser, UploadMalformed, type UploadShape } from './parse.js';
import { parsePattern } from './pattern.js';
import type { UploadFault } from './upload-malformed.js';

export type CodeTask = GenerateTask | ParseTask;

/** Makes the codes of the counters `from .. to - 1`. `key` is from `deriveKey`. */
export interface GenerateTask {
  readonly kind: 'generate';
  readonly key: Uint8Array;
  readonly pattern: string;
  /** Words that are never made. */
  readonly reserved: readonly string[];
  readonly from: number;
  readonly to: number;
  /**
   * Null: a code a line. Else rows of that batch, in nearly the order of the code, at most
   * `RUN_ROWS_MAX`.
   */
  readonly rowsOf: { readonly batchId: number; readonly firstOrdinal: number } | null;
}

export interface ParseTask {
  readonly kind: 'parse';
  readonly shape: UploadShape;
  /** Words that are no codes. */
  readonly reserved: readonly string[];
  readonly port: MessagePort;
}

/** A code a line. */
export interface CodeLines {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly count: number;
}

export type ParsedChunk =
  | { readonly kind: 'parsed'; readonly lines: readonly CodeLines[] }
  | { readonly kind: 'ended'; readonly lines: readonly CodeLines[]; readonly report: ParseReport }
  /** The upload is no such file. Nothing comes after this. */
  | { readonly kind: 'malformed'; readonly message: string; readonly fault: UploadFault };

export async function runCodeTask(task: CodeTask): Promise<unknown> {
  if (task.kind === 'generate') return generate(task);
  await parse(task);
  return null;
}

interface Maker {
  readonly name: string;
  readonly codeBytes: number;
  readonly generator: CodeGenerator;
  readonly order: RowOrder;
}

/** Making one may cost 50 ms, and pieces of one job come in a row. */
let last: Maker | null = null;

function generate({ key, pattern, reserved, from, to, rowsOf }: GenerateTask): Uint8Array<ArrayBuffer> {
  const name = `${pattern}\0${Buffer.from(key).toString('hex')}`;
  if (last?.name !== name) last = makerOf(name, key, pattern, reserved);
  const { generator, codeBytes, order } = last;
  const codes = generator.generate(from, to, yieldCpu);
  if (rowsOf === null) return codeLines(codes, codeBytes);
  return batchRows(codes, codeBytes, order(codes, yieldCpu), rowsOf.batchId, rowsOf.firstOrdinal, yieldCpu);
}

function makerOf(name: string, key: Uint8Array, text: string, reserved: readonly string[]): Maker {
  const pattern = parsePattern(text, reserved);
  if (pattern.kind === 'patternError') throw new Error(pattern.message);
  const { length } = pattern;
  return { name, codeBytes: length, generator: createCodeGenerator(key, pattern), order: createRowOrder(pattern) };
}

/** About a millisecond's work. */
const PARSE_BYTES = 32 * 1024;

async function parse({ shape, reserved, port }: ParseTask): Promise<void> {
  let lines: CodeLines[] = [];
  const parser = createCodeBytesParser(shape, reserved, (bytes, count) => lines.push({ bytes, count }));
  const send = (chunk: ParsedChunk): void => {
    port.postMessage(
      chunk,
      lines.map(({ bytes }) => bytes.buffer),
    );
    lines = [];
  };
  const take = (chunk: Uint8Array | null): void => {
    try {
      if (chunk === null) {
        const report = parser.end();
        send({ kind: 'ended', lines, report });
      } else {
        for (let at = 0; at < chunk.length; at += PARSE_BYTES) {
          parser.push(chunk.subarray(at, at + PARSE_BYTES));
          yieldCpu();
        }
        send({ kind: 'parsed', lines });
      }
    } catch (error) {
      lines = [];
      if (!(error instanceof UploadMalformed)) throw error;
      port.off('message', take);
      send({ kind: 'malformed', message: error.message, fault: error.fault });
    }
  };
  port.on('message', take);
  await once(port, 'close');
}
