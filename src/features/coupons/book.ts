import type { Book, BookCounts, BookSettings } from '../../records/values.generated.js';

export type { Book, BookCounts, BookSettings };

/** The longest lease of a lock, in a book and in a request. */
export const LOCK_TTL_SECONDS_MAX = 86_400;

/** How often one code of this book may be redeemed; `null` is without end. */
export function redemptionsPerCodeMax(settings: BookSettings): number | null {
  return settings.allowMultipleRedemptions ? settings.maxRedemptionsPerCode : 1;
}

/** How settings can contradict each other. The same rule applies to new and changed books. */
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
