/**
 * Tells the HTTP threads which tokens are not valid any more, within a second of the repair of an
 * account in PostgreSQL.
 *
 * While PostgreSQL is away, the list that was read last stays in force: nothing can be repaired
 * there meanwhile. If only this server can't reach PostgreSQL, it learns of repairs as soon as it
 * reaches it again.
 */
import type { EndedTokens } from '../postgres/store.js';

interface AccountWatchOptions {
  readonly read: () => Promise<readonly EndedTokens[]>;
  /** Called with the whole list when it has changed. */
  readonly tell: (ended: readonly EndedTokens[]) => void;
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
}

interface AccountWatch {
  current(): readonly EndedTokens[];
  /** Resolves when no query is under way. */
  close(): Promise<void>;
}

/** Twice this, plus the time of two queries, is less than a second. */
const ASK_EVERY_MS = 400;

/** Rejects when the first query fails: no token is accepted before the ended tokens are known. */
export async function startAccountWatch({ read, tell, log }: AccountWatchOptions): Promise<AccountWatch> {
  let ended = await read();
  let isAway = false;
  let asking: Promise<void> = Promise.resolve();
  let timer = setTimeout(askAgain, ASK_EVERY_MS);

  function askAgain(): void {
    asking = ask().then(() => {
      timer = setTimeout(askAgain, ASK_EVERY_MS);
    });
  }

  async function ask(): Promise<void> {
    try {
      const now = await read();
      if (isAway) log.info({}, 'account repairs can be read again');
      isAway = false;
      if (JSON.stringify(now) === JSON.stringify(ended)) return;
      ended = now;
      tell(ended);
    } catch (error) {
      if (!isAway) log.warn({ err: error }, 'account repairs can not be read while PostgreSQL is not available');
      isAway = true;
    }
  }

  return {
    current: () => ended,
    async close() {
      await asking;
      clearTimeout(timer);
    },
  };
}
