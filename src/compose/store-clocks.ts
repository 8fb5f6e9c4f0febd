/**
 * At the start, this machine's clock is compared with those of stores on other hosts. A store on
 * this host has the same clock, so comparing it proves nothing.
 */
import { ProcessEnd } from '../platform/exit-codes.js';

const APART_MS_MAX = 60_000;

/**
 * Throws `ProcessEnd`. `aheadMs`: how far the store's clock is ahead, give or take `toleranceMs`.
 */
export function assertSameTime(store: 'PostgreSQL' | 'Redis', url: string, aheadMs: number, toleranceMs: number): void {
  const apartMs = Math.abs(aheadMs) - toleranceMs;
  const { hostname } = new URL(url);
  if (apartMs <= APART_MS_MAX || isThisHost(hostname)) return;
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  throw new ProcessEnd(
    'clock',
    `the clock of this machine is ${seconds} s ${aheadMs > 0 ? 'behind' : 'ahead of'} that of ${store} on ${hostname}: set both right, with NTP; see docs/production.md#clocks`,
  );
}

/** By name: comparing with another interface of this host is useless but harmless. */
function isThisHost(hostname: string): boolean {
  return hostname === '' || hostname === 'localhost' || hostname === '[::1]' || /^127\./.test(hostname);
}
