/**
 * Codes that are taken in the namespace of all codes without being in a book: those of promotions.
 * A claim is a batch with one code. It is journaled and staged as other batches are, so the unique
 * index of the store decides who gets a code. It never joins a pool.
 */
import { event } from '../../records/declare.js';
import type { CodeClaimed, CodeFreed } from '../../records/events.generated.js';
import { bookId, integer, text } from '../../records/fields.js';
import type { Coupons } from './state.js';

/** `bookId`: the campaign of the promotion, as in the intent of the batch. */
export const codeClaimed = event(
  'codeClaimed',
  18,
  { bookId: bookId(), batchId: integer(), claimedCode: text() },
  { shownAs: null, detail: ['batchId', 'claimedCode'], snapshot: 'codeClaimed' },
);

/** Its row is deleted, and the code can be taken again. */
export const codeFreed = event(
  'codeFreed',
  19,
  { bookId: bookId(), batchId: integer() },
  { shownAs: null, detail: ['batchId'], snapshot: 'codeFreed' },
);

export function applyCodeClaimed(coupons: Coupons, { batchId }: CodeClaimed): void {
  coupons.claim(batchId);
  coupons.openBatches.close(batchId);
}

export function applyCodeFreed(coupons: Coupons, { batchId }: CodeFreed): void {
  coupons.freeClaim(batchId);
}
