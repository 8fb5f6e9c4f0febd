/**
 * Who uses the processor: nanoseconds per thread, from /proc/PID/task/TID/schedstat, which Linux
 * keeps exactly (the ticks in `stat` are ten milliseconds each).
 *
 * Node has names for its worker threads, but most releases don't tell the kernel. What the kernel
 * does tell is the order in which threads were made: main is the first, then come the helpers of V8
 * and libuv, and then the worker threads in the order in which the program starts them.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Nanoseconds since the start of each, by label. */
export type CpuTimes = ReadonlyMap<string, number>;

/** All threads of a process under one label. */
export function processCpu(label: string, pid: number): CpuTimes {
  let total = 0;
  for (const tid of threadsOf(pid)) total += nanosecondsOf(pid, tid);
  return new Map([[label, total]]);
}

/**
 * A Node process: `label main`, the worker threads by the names in `workers`, and the helpers
 * together.
 */
export function nodeCpu(label: string, pid: number, workers: ReadonlyMap<number, string>): CpuTimes {
  const times = new Map<string, number>();
  for (const tid of threadsOf(pid)) {
    const name = workers.get(tid) ?? (tid === pid ? 'main' : 'helpers');
    const key = `${label} ${name}`;
    times.set(key, (times.get(key) ?? 0) + nanosecondsOf(pid, tid));
  }
  return times;
}

/** Names for the youngest threads of a process, the last name for the youngest. */
export function nameYoungest(pid: number, names: readonly string[]): Map<number, string> {
  const youngest = threadsOf(pid).slice(-names.length);
  return new Map(youngest.map((tid, i) => [tid, names[i] ?? '']));
}

/** The processes of a PostgreSQL: those that serve clients, and the others. */
export function postgresCpu(label: string, postmaster: number): CpuTimes {
  let backends = 0;
  let others = nanosecondsOf(postmaster, postmaster);
  for (const pid of childrenOf(postmaster)) {
    const title = readOrEmpty(`/proc/${pid}/cmdline`);
    // `postgres: user database host(port) state` is a backend.
    if (/^postgres: \S+ \S+ \S+\(\d+\)/.test(title)) backends += nanosecondsOf(pid, pid);
    else others += nanosecondsOf(pid, pid);
  }
  return new Map([
    [`${label} backends`, backends],
    [`${label} others`, others],
  ]);
}

export function mergeCpu(...parts: readonly CpuTimes[]): CpuTimes {
  return new Map(parts.flatMap((part) => [...part]));
}

/** Microseconds per operation, by label, with `all` as the sum. */
export function perOperation(before: CpuTimes, after: CpuTimes, operations: number): Record<string, number> {
  const split: Record<string, number> = {};
  let all = 0;
  for (const [label, nanoseconds] of after) {
    const used = Math.max(0, nanoseconds - (before.get(label) ?? 0)) / 1000 / Math.max(1, operations);
    split[label] = used;
    all += used;
  }
  split['all'] = all;
  return split;
}

export function residentBytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map(Number)
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

function childrenOf(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

function nanosecondsOf(pid: number, tid: number): number {
  return Number(readOrEmpty(`/proc/${pid}/task/${tid}/schedstat`).split(' ')[0] ?? 0);
}

/** '' when the thread has ended meanwhile, or where there is no /proc. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
