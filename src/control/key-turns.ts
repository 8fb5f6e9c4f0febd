/**
 * Requests with the same idempotency key, one after the other. If two ran at once, both would stage
 * codes: the second one would find the codes of the first as duplicates, or too few counters.
 */
import { createHash } from 'node:crypto';
import type { BookId } from '../domain/ids.js';

export interface KeyTurns {
  /**
   * Resolves when all earlier turns of this key are over, with the function that ends this one.
   * Null: no key, no waiting.
   */
  take(requestKey: string | null): Promise<() => void>;
}

export function createKeyTurns(): KeyTurns {
  /** Each resolves when its turn is over. */
  const underWay = new Map<string, Promise<void>>();
  return {
    async take(requestKey) {
      if (requestKey === null) return () => undefined;
      for (let same = underWay.get(requestKey); same !== undefined; same = underWay.get(requestKey)) await same;
      let end = (): void => undefined;
      const mine = new Promise<void>((resolve) => {
        end = resolve;
      });
      underWay.set(requestKey, mine);
      return () => {
        if (underWay.get(requestKey) === mine) underWay.delete(requestKey);
        end();
      };
    },
  };
}

/**
 * What an idempotency key is remembered under: its caller and book, or no book (for the creation of
 * one); null without a key.
 */
export function requestKeyOf(
  caller: string,
  bookId: BookId | null,
  idempotency: { readonly key: string } | null,
): string | null {
  if (idempotency === null) return null;
  return createHash('sha256')
    .update(`${caller}\0${bookId ?? ''}\0${idempotency.key}`)
    .digest('hex');
}
