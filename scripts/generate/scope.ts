/**
 * Where an event says which book or campaign it is of: a path in the event. The scope of its change
 * is not enough: a cart changes in its campaign, and that change has events of the codes of books.
 */
import type { EventDeclaration } from '../../src/records/declare.js';

const PATHS = [
  ['bookId', 'bookId'],
  ['book', 'book.id'],
  ['campaignId', 'campaignId'],
  ['promotion', 'promotion.campaignId'],
  ['stock', 'stock.campaignId'],
  ['scopeId', 'scopeId'],
] as const;

export function scopePathOf({ kind, fields }: EventDeclaration): string {
  const found = PATHS.find(([field]) => field in fields);
  if (found === undefined) throw new Error(`${kind} names neither a book nor a campaign`);
  return found[1];
}
