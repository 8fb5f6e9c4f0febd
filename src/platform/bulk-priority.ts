/**
 * Lowers the priority of another process that does bulk work.
 *
 * Gain: beside a batch on two cores, a quarter as many requests take more than 8 ms.
 * Switch: `bulk-priority` (work-arounds.ts).
 *
 * Where Linux groups processes by session (autogroup), a process competes with those of its session
 * only, and sessions compete by the priority of their group. Each backend of PostgreSQL begins a
 * session of its own, so the priority of its group has to be lowered as well; without that, its own
 * priority changes nothing.
 */
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { isOn } from './work-arounds.js';

const BULK_NICE = 10;
const GROUP_RETRY_MS = 60;
const GROUP_TRIES_MAX = 20;

/** Does nothing where the system does not allow it. */
export async function lowerPriority(pid: number): Promise<void> {
  if (!isOn('bulk-priority')) return;
  try {
    setPriority(pid, BULK_NICE);
    await lowerGroupPriority(pid);
  } catch {
    // Then it competes with the others as one of them.
  }
}

/** Users without privileges may change one group in a tenth of a second, all of them together. */
async function lowerGroupPriority(pid: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      writeFileSync(`/proc/${pid}/autogroup`, String(BULK_NICE));
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries === GROUP_TRIES_MAX) throw error;
    }
    await setTimeout(GROUP_RETRY_MS);
  }
}
