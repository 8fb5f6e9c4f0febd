/** What queries answer with. Times are Unix ms. */

import type { BookOffer } from '../records/promotions.js';
import type { Book, BookCounts, OpenBatch } from '../records/values.generated.js';
import type { CodeView } from './command.js';
import type { FlashResult } from './flash-views.js';
import type { BatchFate, Outcome } from './outcome.js';
import type { PromotionsResult } from './promotion-views.js';

export interface BookView {
  readonly book: Book;
  readonly counts: BookCounts;
  readonly offer: BookOffer;
}

/**
 * Redemptions per bucket, oldest first; the last bucket is the running one. Rolled-back ones don't
 * count.
 */
export interface BookStats extends BookView {
  readonly perMinute: readonly number[];
  readonly perHour: readonly number[];
  readonly perDay: readonly number[];
  /** Start of the last bucket of each, Unix ms. */
  readonly minuteMs: number;
  readonly hourMs: number;
  readonly dayMs: number;
}

/** A page of codes; `nextIndex` continues it (as `afterIndex`), null ends it. */
export interface CodePage {
  readonly items: readonly CodeView[];
  readonly nextIndex: number | null;
}

export type QueryResult =
  /** An id or a code that would be drawn is ''. */
  | { readonly kind: 'dryRun'; readonly outcome: Outcome }
  | PromotionsResult
  | FlashResult
  | { readonly kind: 'book'; readonly view: BookView }
  | { readonly kind: 'books'; readonly items: readonly BookView[] }
  | { readonly kind: 'stats'; readonly stats: BookStats }
  | { readonly kind: 'code'; readonly code: CodeView }
  | { readonly kind: 'codes'; readonly page: CodePage }
  | { readonly kind: 'batchFate'; readonly fate: BatchFate }
  | { readonly kind: 'openBatches'; readonly items: readonly OpenBatch[] }
  | { readonly kind: 'answer'; readonly isTrue: boolean };
