/**
 * What `decide` works with: the decision about one command, and the refusals that several commands
 * share.
 */
import type { CommandDeclaration } from '../records/declare.js';
import type { DomainEvent } from './event.js';
import type { ScopeId } from './ids.js';
import type { Outcome, Refusal, RefusalReason } from './outcome.js';

/** The events of an accepted command; none where nothing has to change. */
export interface Decision<Kind extends string = Outcome['kind']> {
  readonly kind: 'decision';
  readonly scopeId: ScopeId;
  readonly events: readonly DomainEvent[];
  readonly outcome: Extract<Outcome, { readonly kind: Kind }>;
}

/** What the rule of a command may return: the outcome and the refusals that it declares. */
export type Decided<Declared extends CommandDeclaration> =
  | Decision<Declared['gives']['kind']>
  | Refusal<Declared['refusals'][number]>;

export function refuse<const Reason extends RefusalReason>(
  reason: Reason,
  detail: string,
  retryAtMs?: number,
): Refusal<Reason> {
  return retryAtMs === undefined ? { kind: 'refused', reason, detail } : { kind: 'refused', reason, detail, retryAtMs };
}

export const bookNotFound = () => refuse('bookNotFound', 'There is no such coupon book.');
export const bookIsArchived = () => refuse('bookArchived', 'This book is archived and takes no more changes.');
