/** CPU time of a process by thread, from /proc. Linux only: elsewhere there is nothing to say. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const TICK_MS = 10;

/** Milliseconds so far, by thread id. */
export function cpuOf(pid: number): Map<number, number> {
  const folder = `/proc/${pid}/task`;
  const times = new Map<number, number>();
  if (!existsSync(folder)) return times;
  for (const thread of readdirSync(folder)) {
    const fields = readFileSync(`${folder}/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    times.set(Number(thread), (Number(fields[11]) + Number(fields[12])) * TICK_MS);
  }
  return times;
}

/** The busiest threads between two readings, as microseconds per operation. */
export function perOperation(
  before: ReadonlyMap<number, number>,
  after: ReadonlyMap<number, number>,
  operations: number,
): number[] {
  return [...after]
    .map(([thread, ms]) => ((ms - (before.get(thread) ?? 0)) * 1000) / operations)
    .filter((us) => us >= 0.3)
    .sort((a, b) => b - a)
    .map((us) => Math.round(us * 10) / 10);
}
