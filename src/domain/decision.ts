/**
 * What `decide` works with: the decision about one command, and the refusals that several commands
 * share.
 */
import type { DomainEvent } from './event.js';
import type { BookId } from './ids.js';
import type { Outcome, Refusal, RefusalReason } from './outcome.js';

/** The events of an accepted command; none where nothing has to change. */
export interface Decision {
  readonly kind: 'decision';
  readonly bookId: BookId;
  readonly events: readonly DomainEvent[];
  readonly outcome: Outcome;
}

export function refuse(reason: RefusalReason, detail: string, retryAtMs?: number): Refusal {
  return retryAtMs === undefined ? { kind: 'refused', reason, detail } : { kind: 'refused', reason, detail, retryAtMs };
}

export const bookNotFound = (): Refusal => refuse('bookNotFound', 'There is no such coupon book.');
export const bookArchived = (): Refusal => refuse('bookArchived', 'This book is archived and takes no more changes.');
