/** All records. A new file of records adds its list here. */
import { batchRecords } from './batches.js';
import { bookRecords } from './books.js';
import { couponRecords } from './coupons.js';
import type { Of } from './declare.js';

export const events = [...couponRecords.events, ...bookRecords.events, ...batchRecords.events] as const;
export type DomainEvent = Of<(typeof events)[number]>;

export const outcomes = [...couponRecords.outcomes, ...bookRecords.outcomes, ...batchRecords.outcomes] as const;
export type Outcome = Of<(typeof outcomes)[number]>;

export const commands = [...couponRecords.commands, ...bookRecords.commands, ...batchRecords.commands] as const;
export type Command = Of<(typeof commands)[number]>;

/**
 * The number of each event in the column `changes.kind`. The table `change_kinds` holds the same.
 */
export const eventNumbers = Object.fromEntries(events.map(({ kind, number }) => [kind, number])) as Readonly<
  Record<DomainEvent['kind'], number>
>;

/** The names of events in histories and live updates; null: callers do not see the event. */
export const shownNames: ReadonlyMap<string, string | null> = new Map(
  events.map(({ kind, shownAs }) => [kind, shownAs]),
);
