/**
 * What a failed recovery means.
 *
 * A store that is not available comes back by itself: the recovery is tried again until then. A
 * recovery that fails because of what the stores hold fails the same way each time. Trying it again
 * would be an outage that no supervisor notices, so the process ends with one line and an exit code
 * that names the cause. An error that is neither of the two is tried again for some seconds, and
 * then it ends the process as well.
 */
import type { Seq, ShardId } from '../domain/ids.js';
import { EntryUnreadable } from '../feed/feed.js';
import { JournalDamaged, JournalFenced, JournalTrimmed } from '../journal/journal.js';
import { type ExitCause, ProcessEnd } from '../platform/exit-codes.js';
import { isCorruption, isPassing } from '../postgres/failure.js';
import { BatchMissing, SnapshotUnfit } from '../postgres/store.js';

type FailureMeaning =
  | { readonly kind: 'end'; readonly end: ProcessEnd }
  /** A store is not available, has no room, or refuses access for the moment. */
  | { readonly kind: 'away' }
  | { readonly kind: 'unknown' };

/**
 * The journal and the snapshot do not fit together: a change of the one can't be applied to the
 * other.
 */
export class ReplayFailed extends Error {
  override readonly name = 'ReplayFailed';
  constructor(shard: ShardId, seq: Seq, cause: unknown) {
    super(`sequence ${seq} of shard ${shard} can not be applied: ${messageOf(cause)}`, { cause });
  }
}

const AWAY: FailureMeaning = { kind: 'away' };
const UNKNOWN: FailureMeaning = { kind: 'unknown' };
/** Where the documentation says what an operator can do. */
const HELP = 'see docs/guarantees.md#damage';

export function meaningOf(error: unknown): FailureMeaning {
  if (error instanceof ProcessEnd) return { kind: 'end', end: error };
  if (error instanceof JournalFenced) return ends('fenced', error, 'another process has taken the shards over');
  if (error instanceof JournalDamaged || error instanceof EntryUnreadable)
    return ends('damaged', error, `${error.message}; ${HELP}`);
  if (error instanceof JournalTrimmed) {
    return ends(
      'loss',
      error,
      `the journal begins after what PostgreSQL has (${error.message}): do the two belong together, or was PostgreSQL restored from an older backup? ${HELP}`,
    );
  }
  if (error instanceof SnapshotUnfit || error instanceof BatchMissing)
    return ends('loss', error, `PostgreSQL lacks what the journal needs: ${error.message}; ${HELP}`);
  if (error instanceof ReplayFailed)
    return ends('damaged', error, `the journal does not fit PostgreSQL: ${error.message}; ${HELP}`);
  if (isCorruption(error)) return ends('damaged', error, `PostgreSQL is damaged: ${messageOf(error)}; ${HELP}`);
  return isPassing(error) ? AWAY : UNKNOWN;
}

/** A recovery that failed is tried again after this long, doubling up to the maximum. */
const DELAY_MS = 50;
const DELAY_MS_MAX = 1000;
/** After so many unknown errors in a row the recovery is given up: about five seconds. */
const UNKNOWN_MAX = 10;

/**
 * Resolves with null when `attempt` succeeded or `isOver`, and with how the process is to end when
 * it can't succeed.
 */
export async function tryUntilDone({
  attempt,
  isOver,
  after,
  log,
}: {
  readonly attempt: () => Promise<void>;
  /** Nobody wants it any more. */
  readonly isOver: () => boolean;
  readonly after: (delayMs: number, work: () => void) => void;
  readonly log: { error(fields: object, message: string): void };
}): Promise<ProcessEnd | null> {
  let unknown = 0;
  for (let delayMs = DELAY_MS; ; delayMs = Math.min(delayMs * 2, DELAY_MS_MAX)) {
    try {
      await attempt();
      return null;
    } catch (error) {
      if (isOver()) return null;
      const meaning = meaningOf(error);
      if (meaning.kind === 'end') return meaning.end;
      unknown = meaning.kind === 'unknown' ? unknown + 1 : 0;
      if (unknown === UNKNOWN_MAX)
        return endOf('failed', error, `the shards can not be recovered: ${messageOf(error)}`);
      log.error({ err: error }, 'recovery failed and is tried again');
    }
    await new Promise<void>((resolve) => after(delayMs, resolve));
    if (isOver()) return null;
  }
}

function ends(cause: ExitCause, error: unknown, line: string): FailureMeaning {
  return { kind: 'end', end: endOf(cause, error, line) };
}

function endOf(cause: ExitCause, error: unknown, line: string): ProcessEnd {
  return new ProcessEnd(cause, line.split('\n').join(' '), { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
