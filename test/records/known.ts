/**
 * The commands and events that the naive rules of the tests know: the model, the fold of the
 * simulator, and the engine behind the tests of routes. A new command works without them. One that
 * changes counts, limits or the pool should be added here; the compiler then names the places.
 */
import type { Command } from '../../src/domain/command.js';
import type { DomainEvent } from '../../src/domain/event.js';

const COMMANDS = [
  'createBook',
  'updateBook',
  'archiveBook',
  'openBatch',
  'giveUpBatch',
  'addCodes',
  'assignRandom',
  'assignCode',
  'lockCode',
  'unlockCode',
  'redeemCode',
  'rollbackRedemption',
  'unassignCode',
] as const satisfies readonly Command['kind'][];

const EVENTS = [
  'bookCreated',
  'bookUpdated',
  'bookArchived',
  'codesAdded',
  'noted',
  'batchOpened',
  'batchGivenUp',
  'codeAssigned',
  'codeUnassigned',
  'codeLocked',
  'codeUnlocked',
  'leaseExpired',
  'codeRedeemed',
  'redemptionRolledBack',
  'codeClaimed',
  'codeFreed',
  'promotionCreated',
  'promotionUpdated',
  'promotionArchived',
  'reservationMade',
  'reservationRenewed',
  'reservationCommitted',
  'reservationReleased',
  'reservationExpired',
  'reservationRolledBack',
  'bookJoinedCampaign',
  'reservedCodesRedeemed',
] as const satisfies readonly DomainEvent['kind'][];

export type KnownCommand = Extract<Command, { readonly kind: (typeof COMMANDS)[number] }>;
export type KnownEvent = Extract<DomainEvent, { readonly kind: (typeof EVENTS)[number] }>;

/** Null: they do not know it. No type guard, because it would leave no other command today. */
export const asKnownCommand = (command: Command): KnownCommand | null =>
  COMMANDS.some((kind) => kind === command.kind) ? (command as KnownCommand) : null;
export const asKnownEvent = (event: DomainEvent): KnownEvent | null =>
  EVENTS.some((kind) => kind === event.kind) ? (event as KnownEvent) : null;
