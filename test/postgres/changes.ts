/** Changes as the journal would have them, for tests that need no rules. */
import { type Change, type DomainEvent, lastSeqOf, type Remembered } from '../../src/domain/event.js';
import { asBookId, asSeq, asShardId } from '../../src/domain/ids.js';

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
      scopeId: BOOK,
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
