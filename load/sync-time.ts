/** How long this disk takes to make 4 KiB durable: latencies are compared with it. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface SyncTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const BYTES = 4096;

/**
 * `count` writes, one right after the other, to a file that has its size already, as a journal's
 * segment has.
 */
export function measureSync(directory: string, count = 400): SyncTimes {
  const file = openSyncFile(directory, count);
  try {
    return timesOf(Array.from({ length: count }, (_, i) => file.sync(i)));
  } finally {
    file.close();
  }
}

/**
 * The same beside a load: one every `everyMs` until `end`, as far apart as a journal's are when
 * little happens.
 */
export function watchSync(directory: string, everyMs: number): { end(): SyncTimes } {
  const blocks = 400;
  const file = openSyncFile(directory, blocks);
  const times: number[] = [];
  const timer = setInterval(() => times.push(file.sync(times.length % blocks)), everyMs);
  return {
    end() {
      clearInterval(timer);
      file.close();
      return timesOf(times);
    },
  };
}

function openSyncFile(directory: string, blocks: number): { sync(block: number): number; close(): void } {
  const path = join(directory, `sync-${process.pid}.tmp`);
  const file = openSync(path, 'w');
  const bytes = Buffer.alloc(BYTES, 1);
  for (let i = 0; i < blocks; i++) writeSync(file, bytes, 0, BYTES, i * BYTES);
  fdatasyncSync(file);
  return {
    sync(block) {
      bytes.fill(block & 0xff);
      writeSync(file, bytes, 0, BYTES, block * BYTES);
      const began = performance.now();
      fdatasyncSync(file);
      return performance.now() - began;
    },
    close() {
      closeSync(file);
      rmSync(path);
    },
  };
}

function timesOf(times: number[]): SyncTimes {
  times.sort((a, b) => a - b);
  return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
}

/** Of values in ascending order; the nearest rank. */
function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))];
  if (value === undefined) throw new RangeError('no values');
  return value;
}
