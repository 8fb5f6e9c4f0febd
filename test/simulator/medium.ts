/** What journals are written to. It outlives the processes that write to it. */

import type { JournalFacts } from '../../src/journal/identity.js';
import type { Journal } from '../../src/journal/journal.js';
import type { Host } from './host.js';

export interface Medium {
  readonly name: 'file' | 'redis';
  /** Null: another process holds the journal, so that this one ends. */
  lock(host: Host): Lock | null;
  /** Which installation it belongs to, as a start reads it. */
  facts(): JournalFacts;
  stamp(installation: string): void;
  /** The journal as a process sees it that has the lock. */
  open(host: Host, lock: Lock): Journal;
  /**
   * The process has ended. What it had sent may arrive or not. `isClean`: it gave the lock back
   * first.
   */
  left(host: Host, isClean: boolean): void;
  /** The power goes: all processes are dead by then, and what was not synced is lost in part. */
  powerCut(): void;
  /** No room for so long. */
  fillFor(ms: number): void;
  /** Flips a bit in what was written last; what undoes it. Null: that can't happen here. */
  flipBit(): (() => void) | null;
  /** Everything works from now on. */
  heal(): void;
}

export interface Lock {
  readonly id: string;
  /**
   * The lock that was removed for this one, whose process is known to have ended; null: there was
   * none.
   */
  readonly ended: string | null;
  readonly number: number;
  /** Says that the holder lives. False: the lock is another's by now. */
  beat(): boolean;
}
