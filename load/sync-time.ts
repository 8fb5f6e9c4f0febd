/** How long this disk takes to make 4 KiB durable: what a latency is measured against. */
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface SyncTimes {
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const BYTES = 4096;

/** `count` writes to a file that has its size already, as a journal's segment has. */
export function measureSync(directory: string, count = 400): SyncTimes {
  const path = join(directory, `sync-${process.pid}.tmp`);
  const file = openSync(path, 'w');
  const block = Buffer.alloc(BYTES, 1);
  try {
    for (let i = 0; i < count; i++) writeSync(file, block, 0, BYTES, i * BYTES);
    fdatasyncSync(file);
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      block.fill(i & 0xff);
      writeSync(file, block, 0, BYTES, i * BYTES);
      const began = performance.now();
      fdatasyncSync(file);
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    return { p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99) };
  } finally {
    closeSync(file);
    rmSync(path);
  }
}

/** Of values in ascending order; the nearest rank. */
export function quantile(sorted: readonly number[], share: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(sorted.length * share) - 1))];
  if (value === undefined) throw new RangeError('no values');
  return value;
}
