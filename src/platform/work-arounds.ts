/**
 * The work-arounds for V8, Node, Linux and uWebSockets.js that can be switched off, to measure what
 * each gains or to rule it out when something goes wrong:
 *
 *     WORKAROUNDS_OFF=prefetch,uncounted-memory npm run bench
 *
 * Answers and stored data are the same without them. The file of each opens with its gain and its
 * name here; docs/performance.md has the table. The variable is read here and not in the
 * configuration, because some of them act while modules are loaded, in every thread.
 */
export const WORKAROUNDS = [
  'borrowed-buffers',
  'bulk-priority',
  'collector',
  'cpu-yield',
  'fast-strings',
  'prefetch',
  'reused-slabs',
  'uncounted-memory',
  'write-back',
] as const;

export type Workaround = (typeof WORKAROUNDS)[number];

const off = new Set((process.env['WORKAROUNDS_OFF'] ?? '').split(',').map((name) => name.trim()));

/** The same for as long as the process runs. */
export function isOn(name: Workaround): boolean {
  return !off.has(name);
}
