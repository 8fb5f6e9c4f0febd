/** What journals are written to. It outlives the processes that write to it. */
import type { Journal } from '../../src/journal/journal.js';
import type { Host } from './host.js';

export interface Medium {
  readonly name: 'file' | 'redis';
  /** The journal as a process sees it; null: another process holds it, so that this one ends. */
  open(host: Host): Journal | null;
  /** A process died. What it had sent may arrive or not. */
  left(host: Host): void;
  /** The power goes: all processes are dead by then, and what was not synced is lost in part. */
  powerCut(): void;
  /** No room for so long. */
  fillFor(ms: number): void;
  /** Flips a bit in what was written last; what undoes it. Null: that can't happen here. */
  flipBit(): (() => void) | null;
  /** Everything works from now on. */
  heal(): void;
}
