import type { DomainEvent } from '../domain/event.js';

/** Events by their number in `changes.kind`; the table `change_kinds` says the same to readers of the database. */
export const KIND_NUMBERS: Readonly<Record<DomainEvent['kind'], number>> = {
  bookCreated: 1,
  bookUpdated: 2,
  bookArchived: 3,
  codesAdded: 4,
  noted: 5,
  codeAssigned: 6,
  codeUnassigned: 7,
  codeLocked: 8,
  codeUnlocked: 9,
  leaseExpired: 10,
  codeRedeemed: 11,
  redemptionRolledBack: 12,
  batchOpened: 13,
  batchGivenUp: 14,
};
