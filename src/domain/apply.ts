/**
 * Events onto state. The counterpart of `decide`, and the whole of replay: only the order of events
 * is checked here, not the rules. An event that can't be applied means a broken journal, and
 * throws.
 */
import type { Change, DomainEvent } from './event.js';
import { asSeq, type BookId } from './ids.js';
import type { BookState, ShardState } from './state.js';

/** The codes of every `codesAdded` in the change must have been staged before. */
export function apply(state: ShardState, change: Change): void {
  if (change.firstSeq !== state.seq + 1) {
    throw new Error(`shard ${state.options.shard} is at ${state.seq} and can't apply ${change.firstSeq}`);
  }
  for (const event of change.events) {
    state.seq = asSeq(state.seq + 1);
    applyEvent(state, event);
  }
  if (change.remembered !== null) {
    const { key, fingerprint, outcome } = change.remembered;
    const scope = rememberedScope(change);
    state.remembered.remember(change.caller, scope, key, { fingerprint, outcome, seq: state.seq, atMs: change.atMs });
  }
}

/**
 * Keys are remembered per book; the key of a creation can't name the book that it makes, and stands
 * outside of all.
 */
export function rememberedScope(change: Change): BookId | null {
  return change.events[0]?.kind === 'bookCreated' ? null : change.bookId;
}

function applyEvent(state: ShardState, event: DomainEvent): void {
  switch (event.kind) {
    case 'bookCreated':
      state.addBook(event.book);
      return;
    case 'bookUpdated':
    case 'bookArchived':
      bookOf(state, event.book.id).book = event.book;
      return;
    case 'codesAdded':
      state.goLive(event.batchId, bookOf(state, event.bookId));
      state.openBatches.close(event.batchId);
      return;
    case 'noted':
      return;
    case 'codeAssigned':
      state.take(event.index, event.userId, event.atMs);
      break;
    case 'codeUnassigned':
      // Otherwise a lease that is over but not announced yet would stay on a code without a user.
      state.unlock(event.index);
      state.giveBack(event.index);
      break;
    case 'codeLocked':
      state.lock(event.index, event.lockId, event.untilMs);
      break;
    case 'codeUnlocked':
    case 'leaseExpired':
      state.unlock(event.index);
      break;
    case 'codeRedeemed': {
      state.unlock(event.index);
      state.setRedemptionCount(event.index, event.redemptionCount);
      // Only the user of a code redeems it, so no user has to be looked up by name.
      state.addRedemption(event.redemptionId, event.index, state.userOf(state.codes.record(event.index)));
      state.countRate(state.bookOfCode(event.index), event.atMs, 1);
      break;
    }
    case 'redemptionRolledBack': {
      const number = state.redemptions.find(event.redemptionId, event.index);
      if (number === -1) throw new Error(`redemption ${event.redemptionId} is rolled back but was never made`);
      state.setRedemptionCount(event.index, event.redemptionCount);
      state.witness?.beforeRedemption(number);
      state.redemptions.rollBack(number);
      state.countRate(state.bookOfCode(event.index), state.redemptions.atMs(number), -1);
      break;
    }
    case 'batchOpened':
      state.openBatches.open(event);
      return;
    case 'batchGivenUp':
      state.openBatches.close(event.batchId);
      return;
    default:
      unknownEvent(event);
  }
  state.codes.used.lastSeq.set(state.codes.record(event.index), state.seq);
}

function bookOf(state: ShardState, bookId: BookId): BookState {
  const book = state.book(bookId);
  if (book === undefined)
    throw new Error(`an event names book ${bookId}, which shard ${state.options.shard} doesn't have`);
  return book;
}

function unknownEvent(event: never): never {
  throw new Error(`unknown event ${JSON.stringify(event)}`);
}
