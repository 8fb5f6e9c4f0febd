/**
 * Simulated callers: they make books, add codes, compete for them, read, and repeat unanswered
 * requests.
 */

import type { Command, Origin, Query } from '../../src/domain/command.js';
import { asBookId, type BookId, type ShardId } from '../../src/domain/ids.js';
import type { BookSettings } from '../../src/records/values.generated.js';
import { hashText } from '../../src/tables/text.js';
import type { NewPromotion, UploadRequest } from './control.js';
import { codesOfBook } from './fold.js';
import type { Judge } from './judge.js';
import type { Line } from './line.js';
import { ALL_PROMOTIONS, createPromotionCallers } from './promotion-callers.js';
import type { SeededRandom } from './seeded-random.js';

export interface Callers {
  /** The requests of one turn: callers who compete are decided about in one go. */
  takeTurn(line: Line): void;
}

export interface CallersOptions {
  readonly random: SeededRandom;
  readonly shards: readonly ShardId[];
  readonly judge: Judge;
  readonly nowMs: () => number;
  /** A caller names a book for the first time. */
  readonly noteBook: (bookId: BookId, shard: ShardId) => void;
}

const TURN_MAX = 5;
const BOOKS_MAX = 4;
/** Codes that callers bring again are among so many of the last. */
const RECENT_CODES = 12;
/** So many of the requests are about promotions. */
const PROMOTIONS_RATE = 0.4;

interface ABook {
  readonly id: BookId;
  readonly shard: ShardId;
}

export function createCallers({ random, shards, judge, nowMs, noteBook }: CallersOptions): Callers {
  const books: ABook[] = [];
  let names = 0;
  let codeNames = 0;
  const promotions = createPromotionCallers({
    random,
    shards,
    judge,
    nowMs,
    noteBook,
    newOrigin,
    ask,
    create: createPromotion,
    bookCode: recentCode,
  });

  function act(line: Line): void {
    if (random.chance(PROMOTIONS_RATE)) {
      promotions.act(line);
      return;
    }
    const roll = random.below(100);
    if (books.length === 0 || roll < 2) createBook(line);
    else if (roll < 10) addCodes(line);
    else if (roll < 12) updateBook(line);
    else if (roll < 13) archiveBook(line);
    else if (roll < 17 && judge.repeatable.length > 0) again(line);
    else if (roll < 30) readSomething(line);
    else aboutCode(line);
  }

  /** Often with a twin, which tells what the command saw. */
  function ask(line: Line, shard: ShardId, command: Command, origin: Origin): void {
    const id = line.ask(shard, command, origin);
    const twin = twinOf(shard, command);
    if (twin !== null && random.chance(0.4)) line.read(shard, twin, id);
  }

  function twinOf(shard: ShardId, command: Command): Query | null {
    if (!('bookId' in command) && !('code' in command)) return ALL_PROMOTIONS;
    const book = books.find((other) => other.shard === shard);
    return book === undefined ? null : { kind: 'getBook', bookId: book.id };
  }

  function newOrigin(): Origin {
    const key = random.chance(0.3) ? `k${random.below(40)}` : null;
    return {
      caller: `c${random.below(2)}`,
      requestId: `r${++names}`,
      idempotency: key === null ? null : { key, fingerprint: random.below(2) },
    };
  }

  function createBook(line: Line): void {
    const shard = random.pick(shards);
    const id = newBookId(shard);
    const settings = someSettings(random, nowMs());
    if (random.chance(0.3))
      upload(line, shard, { bookId: id, settings, promotion: null, codes: someCodes(), origin: newOrigin() });
    else
      ask(
        line,
        shard,
        {
          kind: 'createBook',
          campaignId: random.chance(0.6) ? promotions.someCampaign(shard) : null,
          discount: random.chance(0.7) ? promotions.someDiscount() : null,
          bookId: id,
          settings,
          codes: null,
        },
        newOrigin(),
      );
    books.push({ id, shard });
    if (books.length > BOOKS_MAX) books.shift();
  }

  function newBookId(shard: ShardId): BookId {
    const id = asBookId(`b${++names}`);
    noteBook(id, shard);
    return id;
  }

  function addCodes(line: Line): void {
    const { id: bookId, shard } = random.pick(books);
    upload(line, shard, { bookId, settings: null, promotion: null, codes: someCodes(), origin: newOrigin() });
  }

  /** Some are new, and some were brought by others or are being brought by them. */
  function someCodes(): string[] {
    const codes = Array.from({ length: 1 + random.below(4) }, () => {
      if (random.chance(0.03)) return `P${random.below(4)}`;
      return random.chance(0.3) ? recentCode() : `C${++codeNames}`;
    });
    return [...new Set(codes)];
  }

  function recentCode(): string {
    return `C${Math.max(1, codeNames - random.below(RECENT_CODES))}`;
  }

  /** Its code is claimed first, if it has one. */
  function createPromotion(line: Line, shard: ShardId, promotion: NewPromotion, origin: Origin): void {
    const { campaignId, settings } = promotion;
    if (settings.code === null) ask(line, shard, { kind: 'createPromotion', ...promotion, codes: null }, origin);
    else
      upload(line, shard, {
        bookId: asBookId(campaignId),
        settings: null,
        promotion,
        codes: [settings.code],
        origin,
      });
  }

  function updateBook(line: Line): void {
    const { id, shard } = random.pick(books);
    const { isActive, maxCodesPerUser, requireLock } = someSettings(random, nowMs());
    const patch = { isActive, maxCodesPerUser, requireLock };
    const discount = random.chance(0.5) ? { to: random.chance(0.4) ? null : promotions.someDiscount() } : null;
    ask(line, shard, { kind: 'updateBook', discount, bookId: id, patch, ifVersion: null }, newOrigin());
  }

  function archiveBook(line: Line): void {
    const { id, shard } = random.pick(books);
    ask(line, shard, { kind: 'archiveBook', bookId: id, ifVersion: null }, newOrigin());
  }

  /**
   * The same request with the same key, as a caller sends it who heard nothing, or who forgot that
   * it did.
   */
  function again(line: Line): void {
    const { shard, command, origin, upload: sent } = random.pick(judge.repeatable);
    const repeated = { ...origin, requestId: `r${++names}` };
    // The server names what a creation makes anew each time. Now and then a caller sends another
    // body with its key.
    if (sent === null) {
      const isCreation = command.kind === 'createPromotion';
      ask(line, shard, isCreation ? { ...command, id: promotions.newPromotionId() } : command, repeated);
      return;
    }
    if (sent.promotion !== null) {
      upload(line, shard, {
        ...sent,
        promotion: { ...sent.promotion, id: promotions.newPromotionId() },
        origin: repeated,
      });
      return;
    }
    const bookId = sent.settings === null ? sent.bookId : newBookId(shard);
    const codes = random.chance(0.9) ? sent.codes : someCodes();
    upload(line, shard, { ...sent, bookId, codes, origin: repeated });
  }

  /** As the HTTP threads have it, the fingerprint of a request is one of its body. */
  function upload(line: Line, shard: ShardId, request: UploadRequest): void {
    const { codes, settings, promotion, origin } = request;
    const { idempotency } = origin;
    const fingerprint = hashText(JSON.stringify([codes, settings, promotion?.settings]), 1);
    const marked = idempotency === null ? null : { key: idempotency.key, fingerprint };
    line.upload(shard, { ...request, origin: { ...origin, idempotency: marked } });
  }

  function someCode({ id, shard }: ABook): string {
    const codes = codesOfBook(judge.foldOf(shard), id);
    if (codes.length === 0 || random.chance(0.05)) return 'NO-SUCH-CODE';
    // Often one of the first: callers compete for it.
    const place = random.chance(0.5) ? random.below(Math.min(2, codes.length)) : random.below(codes.length);
    return codes[place]?.text ?? 'NO-SUCH-CODE';
  }

  function readSomething(line: Line): void {
    const book = random.pick(books);
    line.read(book.shard, someQuery(book), null);
  }

  function someQuery(book: ABook): Query {
    const roll = random.below(4);
    if (roll === 0) return { kind: 'getBook', bookId: book.id };
    if (roll < 3) return { kind: 'getCode', code: someCode(book) };
    const userId = `u${random.below(4)}`;
    return { kind: 'listUserCodes', userId, bookId: null, status: null, afterIndex: -1, limit: 10_000 };
  }

  function aboutCode(line: Line): void {
    const book = random.pick(books);
    const fold = judge.foldOf(book.shard);
    const code = someCode(book);
    const holder = fold.codes.get(code)?.userId ?? null;
    const userId = holder !== null && random.chance(0.7) ? holder : `u${random.below(4)}`;
    ask(line, book.shard, someCommand(book, code, userId), newOrigin());
  }

  function someCommand({ id, shard }: ABook, code: string, userId: string): Command {
    const fold = judge.foldOf(shard);
    const lockId = random.chance(0.2) ? (fold.codes.get(code)?.lock?.lockId ?? random.below(50)) : null;
    switch (random.below(11)) {
      case 0:
      case 1:
        return { kind: 'assignRandom', bookId: id, userId };
      case 2:
        return { kind: 'assignCode', code, userId };
      case 3:
        return { kind: 'lockCode', code, userId, ttlMs: random.chance(0.5) ? null : 1 + random.below(60) };
      case 4:
        return { kind: 'lockCode', code, userId, ttlMs: null };
      case 5:
        return { kind: 'unlockCode', code, userId, lockId };
      case 6:
        return { kind: 'redeemCode', code, userId, lockId, metadata: null };
      case 7:
      case 8:
        return { kind: 'redeemCode', code, userId, lockId: null, metadata: null };
      case 9: {
        const theirs = [...fold.redemptions].filter(([, redemption]) => redemption.code === code);
        const redemptionId = theirs.length === 0 ? 'none' : random.pick(theirs)[0];
        return { kind: 'rollbackRedemption', code, redemptionId, reason: null };
      }
      default:
        return { kind: 'unassignCode', code, reason: null };
    }
  }

  return {
    takeTurn(line) {
      for (let left = 1 + random.below(TURN_MAX); left > 0; left--) act(line);
    },
  };
}

function someSettings(random: SeededRandom, nowMs: number): BookSettings {
  const allowMultipleRedemptions = random.chance(0.4);
  const maybe = (probability: number, max: number): number | null =>
    random.chance(probability) ? 1 + random.below(max) : null;
  return {
    name: 'book',
    description: null,
    startMs: random.chance(0.1) ? nowMs + random.below(100) : null,
    endMs: random.chance(0.1) ? nowMs + 200 + random.below(400) : null,
    isActive: random.chance(0.9),
    maxCodesPerUser: maybe(0.3, 3),
    maxRedemptionsPerUser: maybe(0.3, 3),
    allowMultipleRedemptions,
    maxRedemptionsPerCode: allowMultipleRedemptions ? maybe(0.6, 3) : null,
    codePattern: null,
    redeemableBy: random.chance(0.5) ? 'bearer' : 'assignee',
    requireLock: random.chance(0.2),
    lockTtlMs: null,
    metadata: null,
  };
}
