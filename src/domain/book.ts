import type { BookId } from './ids.js';

/** Who may redeem a code: only the user it was assigned to, or whoever holds it unassigned. */
export type RedeemableBy = 'assignee' | 'bearer';

/** What the owner of a book can set. Times are Unix milliseconds; `null` means "no limit", "not given". */
export interface BookSettings {
  readonly name: string;
  readonly description: string | null;
  readonly startMs: number | null;
  readonly endMs: number | null;
  readonly isActive: boolean;
  readonly maxCodesPerUser: number | null;
  readonly maxRedemptionsPerUser: number | null;
  readonly allowMultipleRedemptions: boolean;
  readonly maxRedemptionsPerCode: number | null;
  readonly codePattern: string | null;
  readonly redeemableBy: RedeemableBy;
  readonly requireLock: boolean;
  /** `null`: the configured default. */
  readonly lockTtlMs: number | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
}

/** A book as it is kept, journaled and shown. `version` grows by one with each change; it is the ETag. */
export interface Book {
  readonly id: BookId;
  readonly settings: BookSettings;
  readonly version: number;
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly archivedMs: number | null;
}

/**
 * Live counts of a book. `available + assigned + redeemed = total` always holds: a code is redeemed
 * while at least one redemption of it stands, assigned while it has a user and no redemption.
 * `locked` counts live leases and overlaps `assigned` and `redeemed`; `redemptions` counts those that stand.
 */
export interface BookCounts {
  readonly total: number;
  readonly available: number;
  readonly assigned: number;
  readonly locked: number;
  readonly redeemed: number;
  readonly redemptions: number;
}

/** How often one code of this book may be redeemed; `null` is without end. */
export function redemptionsPerCodeMax(settings: BookSettings): number | null {
  return settings.allowMultipleRedemptions ? settings.maxRedemptionsPerCode : 1;
}

/** How settings can contradict each other. A new book and a changed one are judged alike. */
export type Contradiction = 'endsBeforeItBegins' | 'countWithoutMultiple';

export function contradictionIn({
  startMs,
  endMs,
  allowMultipleRedemptions,
  maxRedemptionsPerCode,
}: Pick<
  BookSettings,
  'startMs' | 'endMs' | 'allowMultipleRedemptions' | 'maxRedemptionsPerCode'
>): Contradiction | null {
  if (startMs !== null && endMs !== null && endMs <= startMs) return 'endsBeforeItBegins';
  if (!allowMultipleRedemptions && maxRedemptionsPerCode !== null) return 'countWithoutMultiple';
  return null;
}
