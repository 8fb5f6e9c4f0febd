/** A book and its campaign: facts of two features. */
import { canonicalJson } from '../domain/canonical.js';
import type { Book } from '../records/values.generated.js';
import type { ShardState } from './shard-state.js';

/** What the journal carries of a book, as text: canonical JSON. */
export function bookText(state: ShardState, book: Book): string {
  const campaignId = state.promotions.campaignOfBook(book.id);
  return canonicalJson(campaignId === null ? book : { ...book, campaignId });
}
