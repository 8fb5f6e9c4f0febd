/** Reads what is not in the ring: from the journal, else from the audit rows in PostgreSQL. */
import { asSeq, type Seq, type ShardId } from '../../domain/ids.js';
import type { ResumeSource } from '../../engine/live.js';
import type { ChangeBatch, Feed } from '../../feed/feed.js';
import { JournalTrimmed } from '../../journal/journal.js';
import type { AuditFilter, AuditReader } from '../../postgres/audit-reader.js';
import { type LiveEvent, liveEventOfRow, liveEventsOf } from './live-event.js';
import type { RingBatch } from './ring.js';

export interface Source {
  /**
   * A batch after `from`, at most through `through`, with the events that match the filter at
   * least.
   */
  read(
    shard: ShardId,
    from: Seq,
    through: Seq,
    filter: AuditFilter,
  ): Promise<{ readonly batch: RingBatch; readonly name: ResumeSource }>;
  /** The same from the audit rows alone. `filter` null: all events. */
  fromAudit(shard: ShardId, from: Seq, through: Seq, filter: AuditFilter | null): Promise<RingBatch>;
  close(): Promise<void>;
}

const READ_BYTES_MAX = 64 * 1024;
/** Sequences of one query. */
const AUDIT_SPAN = 5_000;
/** Roughly what an event takes in the journal. */
const EVENT_BYTES = 150;

export function createSource({ feed, audit }: { readonly feed: Feed; readonly audit: AuditReader }): Source {
  async function fromAudit(shard: ShardId, from: Seq, through: Seq, filter: AuditFilter | null): Promise<RingBatch> {
    const { rows, lastSeq } = await audit.read(shard, from, asSeq(Math.min(from + AUDIT_SPAN, through)), filter);
    const events = rows.map(liveEventOfRow).filter((event) => event !== null);
    return {
      shard,
      afterSeq: from,
      lastSeq,
      bytes: events.length * EVENT_BYTES,
      read: (isWanted) => (isWanted === undefined ? events : events.filter(isWanted)),
    };
  }

  return {
    async read(shard, from, through, filter) {
      try {
        const batch = await feed.read(shard, from, READ_BYTES_MAX);
        if (batch !== null) return { batch: batchOf(batch, through), name: 'journal' };
      } catch (error) {
        if (!(error instanceof JournalTrimmed)) throw error;
      }
      return { batch: await fromAudit(shard, from, through, filter), name: 'audit' };
    },
    fromAudit,
    close: () => audit.close(),
  };
}

/** The batch as far as `through`. */
export function batchOf(batch: ChangeBatch, through: Seq = batch.lastSeq): RingBatch {
  const { shard, afterSeq, bytes } = batch;
  const lastSeq = asSeq(Math.min(batch.lastSeq, through));
  return {
    shard,
    afterSeq,
    lastSeq,
    bytes,
    read(isWanted = () => true) {
      const found: LiveEvent[] = [];
      for (const change of batch.changes()) liveEventsOf(shard, change, afterSeq, isWanted, found);
      return found;
    },
  };
}
