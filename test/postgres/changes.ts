/** Changes as the journal would have them, for tests that need no rules. */
import type { BookSettings } from '../../src/domain/book.js';
import { type Change, type DomainEvent, lastSeqOf, type Remembered } from '../../src/domain/event.js';
import { asBookId, asSeq, asShardId, type BookId } from '../../src/domain/ids.js';
import { createControlStore } from '../../src/postgres/control-store.js';
import type { ProjectionWriter } from '../../src/postgres/store.js';
import { SETTINGS } from '../domain/shard.js';
import { SHARDS } from './server.js';

export const SHARD = asShardId(1);
export const BOOK = asBookId('01890000-0000-7000-8000-00000000000a');
export const AT_MS = Date.UTC(2026, 0, 1);

export const redemptionId = (n: number): string => `01890000-0000-7000-9000-${String(n).padStart(12, '0')}`;

/** Collects the changes of `SHARD`, each one's sequence after the last. */
export function changeLog(firstSeq = 1): {
  readonly changes: Change[];
  add(events: readonly DomainEvent[], remembered?: Remembered | null): Change;
  /** The events of a code, chained: give them without what all of them carry. */
  code(code: string, index: number, userId: string): { add(...events: readonly object[]): Change };
} {
  const changes: Change[] = [];
  let next = firstSeq;
  function add(events: readonly DomainEvent[], remembered: Remembered | null = null): Change {
    const change: Change = {
      firstSeq: asSeq(next),
      atMs: AT_MS + next,
      bookId: BOOK,
      caller: 'shop',
      requestId: `request-${next}`,
      events,
      remembered,
    };
    next = lastSeqOf(change) + 1;
    changes.push(change);
    return change;
  }
  return {
    changes,
    add,
    code(code, index, userId) {
      let prevSeq = 0;
      return {
        add(...events) {
          const chained = events.map((event, n) => {
            const whole = { bookId: BOOK, code, index, userId, prevSeq: asSeq(prevSeq), ...event } as DomainEvent;
            prevSeq = next + n;
            return whole;
          });
          return add(chained);
        },
      };
    },
  };
}

/** A book of `SHARD` with these codes, live; its index is the code's place in sorted order. */
export async function projectBook(
  url: string,
  writer: ProjectionWriter,
  codes: readonly string[],
  settings: Partial<BookSettings> = {},
  bookId: BookId = BOOK,
): Promise<ReturnType<typeof changeLog>> {
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  const staging = await store.stage(SHARD, bookId);
  await staging.write(codes);
  const { size, count } = await staging.finish();
  await store.close();
  const log = changeLog();
  const book = {
    id: bookId,
    settings: { ...SETTINGS, ...settings },
    version: 1,
    createdMs: AT_MS,
    updatedMs: AT_MS,
    archivedMs: null,
  };
  log.add([
    { kind: 'bookCreated', book },
    { kind: 'codesAdded', bookId, batchId: staging.batchId, firstIndex: 0, size, count },
  ]);
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  return log;
}
