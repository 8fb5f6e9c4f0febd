/**
 * Whether the journal and the database belong together, and what a start does about it. Pure: what
 * the stores say comes in, the verdict goes out. docs/guarantees.md has the same table for
 * operators.
 *
 *     journal            database           verdict
 *     ───────            ────────           ───────
 *     id A               id B               refuse: foreign
 *     any                id, lease alive    refuse: in use; with Redis, or if the owner's
 *                                           process is known to have ended: take over
 *     id A               id A               take over; refuse if Redis ends before a
 *                                           checkpoint: loss
 *     empty              id or rows         refuse: loss, unless the loss was accepted or the
 *                                           id was still to be written
 *     id or entries      empty              refuse: foreign
 *     entries, no id     rows, no id        adopt: data of a version that knew no id
 *     entries, no id     id                 refuse: foreign, unless the id was still to be written
 *     id                 rows, no id        refuse: foreign
 *     empty              empty              begin
 *
 * A first start writes the id into the database first and into the journal then, and notes in the
 * database that it has. So a crash between the two is told apart from a journal that was lost.
 */
import type { Seq, ShardId } from '../domain/ids.js';
import type { JournalFacts } from '../journal/identity.js';
import type { ExitCause } from '../platform/exit-codes.js';
import type { DatabaseFacts, InstallationRow } from '../postgres/installation.js';

export interface StoreFacts {
  readonly journal: JournalFacts;
  readonly database: DatabaseFacts;
  /**
   * The holder whose process is known to have ended, by its lock in the journal's directory or
   * because the PostgreSQL is this process's own; null: none.
   */
  readonly endedHolder: string | null;
}

export type Verdict =
  /** Both stores are empty: a new installation. */
  | { readonly kind: 'begin' }
  /** Data of a version that knew no id. */
  | { readonly kind: 'adopt' }
  /** `lacksId`: the id has to be written into the journal. */
  | { readonly kind: 'takeOver'; readonly id: string; readonly lacksId: boolean }
  | { readonly kind: 'refuse'; readonly cause: ExitCause; readonly message: string };

export function judgeStores(facts: StoreFacts): Verdict {
  const { journal, database } = facts;
  const { installation } = database;
  const [journalId, otherId] = journal.installations;
  if (journalId !== undefined && otherId !== undefined) {
    return refuse('foreign', `${journal.place} holds keys of two installations, ${journalId} and ${otherId}`);
  }
  if (installation === null) return judgeUnnamed(facts, journalId);
  if (journalId !== undefined && journalId !== installation.id) {
    const ids = `the journal in ${journal.place} belongs to installation ${journalId}, and the database to ${installation.id}`;
    return refuse('foreign', `${ids}; correct DATABASE_URL, REDIS_URL or DATA_DIR`);
  }
  if (isInUse(facts, installation)) return refuse('inUse', inUse(installation));
  return judgeOwn(facts, installation, journalId);
}

/** The database has no id. */
function judgeUnnamed({ journal, database: { seqs, shardCount } }: StoreFacts, journalId: string | undefined): Verdict {
  const hasRows = seqs.size > 0;
  if (journalId !== undefined && hasRows) {
    return refuse(
      'foreign',
      `the journal in ${journal.place} belongs to installation ${journalId}, and the database has data without an id, as a backup of an older version has; to bring the two together: clipbook restore`,
    );
  }
  if (journal.isEmpty && journalId === undefined) {
    return hasRows ? refuseEmptyJournal(journal, seqs, null) : { kind: 'begin' };
  }
  if (journalId === undefined && shardCount !== null) return { kind: 'adopt' };
  const held = journalId === undefined ? 'the data of an older version' : `installation ${journalId}`;
  return refuse(
    'foreign',
    `the database is empty, and ${journal.place} holds ${held}; correct DATABASE_URL, or begin anew with: clipbook init --new-installation`,
  );
}

/** The database has an id that nobody else holds now. */
function judgeOwn(facts: StoreFacts, installation: InstallationRow, journalId: string | undefined): Verdict {
  const { journal, database } = facts;
  const isUnwritten = installation.journal === null;
  if (journalId === undefined && !isUnwritten) {
    if (journal.isEmpty) return refuseEmptyJournal(journal, database.seqs, installation);
    return refuse(
      'foreign',
      `the database belongs to installation ${installation.id}, and the journal in ${journal.place} has data without an id; to bring the two together: clipbook restore`,
    );
  }
  if (journalId !== undefined && journal.lacksId && !isUnwritten) {
    return refuse('loss', `${journal.place} has lost keys of some shards; see what is left with: clipbook restore`);
  }
  const behind = shardsBehind(facts);
  if (behind.length > 0) {
    return refuse(
      'loss',
      `the database is ahead of the journal in ${journal.place}: ${behind.join(', ')}; see what is lost with: clipbook restore`,
    );
  }
  return { kind: 'takeOver', id: installation.id, lacksId: journal.lacksId };
}

function isInUse({ journal, endedHolder }: StoreFacts, { isAlive, holder }: InstallationRow): boolean {
  // In Redis, whoever takes the shards fences the older process in one step. In files there is no
  // such step.
  return isAlive && journal.kind === 'file' && holder !== endedHolder;
}

export const inUse = ({ id, place }: InstallationRow): string =>
  `${place} serves installation ${id}, and its lease is alive; stop that process first`;

/**
 * Shards of which PostgreSQL has more than the journal, as far as the journal told where it ends.
 */
function shardsBehind({ journal: { ends }, database: { seqs, acceptedLosses } }: StoreFacts): string[] {
  if (ends === null) return [];
  const lines: string[] = [];
  for (const [shard, seq] of seqs) {
    const end = ends.get(shard) ?? 0;
    if (end < seq && !acceptedLosses.has(shard)) lines.push(`shard ${shard} is at ${seq}, its journal ends at ${end}`);
  }
  return lines;
}

const SHARDS_NAMED_MAX = 4;

function refuseEmptyJournal(
  { place }: JournalFacts,
  seqs: ReadonlyMap<ShardId, Seq>,
  installation: InstallationRow | null,
): Verdict {
  const whose = installation === null ? 'data of an older version' : `installation ${installation.id}`;
  const where =
    installation === null || installation.journal === null ? '' : `, whose journal is in ${installation.journal}`;
  return refuse(
    'loss',
    `the journal in ${place} is empty, and the database holds ${whose}${where}; without that journal ${lostAfter(seqs)}; to accept this: clipbook restore --accept-loss`,
  );
}

/** What is lost when everything after the checkpoints is. */
function lostAfter(seqs: ReadonlyMap<ShardId, Seq>): string {
  const named = [...seqs].slice(0, SHARDS_NAMED_MAX).map(([shard, seq]) => `${seq} of shard ${shard}`);
  const more = seqs.size > named.length ? ` and of ${seqs.size - named.length} more shards` : '';
  return named.length === 0 ? 'everything is lost' : `everything after sequence ${named.join(', ')}${more} is lost`;
}

function refuse(cause: ExitCause, message: string): Verdict {
  return { kind: 'refuse', cause, message };
}
