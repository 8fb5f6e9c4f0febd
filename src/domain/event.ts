/**
 * Events: what was decided, complete. Replay applies them and never decides again, so an event
 * names the code that was drawn, the times, the ids and the resulting counts.
 *
 * One accepted command makes one `Change`: all of its events become durable together or not at all.
 */
import type { CodesAdded, DomainEvent } from '../records/events.generated.js';
import type { ScopeId, Seq } from './ids.js';
import type { Outcome } from './outcome.js';

export type { CodesAdded, DomainEvent };

export type CodeEvent = Extract<DomainEvent, { readonly code: string }>;

/**
 * One accepted command: its events, and who asked for them. The unit of the journal and of the
 * audit.
 */
export interface Change {
  /** Sequence of `events[0]`; the others follow without a gap. */
  readonly firstSeq: Seq;
  readonly atMs: number;
  /** What the change belongs to. */
  readonly scopeId: ScopeId;
  /**
   * The authenticated subject, or `"system"` for what Clipbook does by itself (expiry of leases).
   */
  readonly caller: string;
  readonly requestId: string;
  readonly events: readonly DomainEvent[];
  /** Present when the command carried an idempotency key. */
  readonly remembered: Remembered | null;
}

/** A success that is answered again, word for word, when its key is repeated. */
export interface Remembered {
  readonly key: string;
  /** 53-bit hash of the request; another request with the same key is refused. */
  readonly fingerprint: number;
  readonly outcome: Outcome;
}

export function lastSeqOf(change: Change): Seq {
  return (change.firstSeq + change.events.length - 1) as Seq;
}
