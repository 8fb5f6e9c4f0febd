/** What is known of a journal's identity before anything of it is taken over. */
import type { Seq, ShardId } from '../domain/ids.js';
import { ProcessEnd } from '../platform/exit-codes.js';

export interface JournalFacts {
  readonly kind: 'file' | 'redis';
  /** For people: the directory, or the server. */
  readonly place: string;
  /** The ids that it holds: more than one only where Redis has keys of several installations. */
  readonly installations: readonly string[];
  /** Some shard lacks an id. */
  readonly lacksId: boolean;
  /** No entry was ever written to it. */
  readonly isEmpty: boolean;
  /**
   * The last sequence of each shard that has one, where that is known without reading everything:
   * in Redis.
   */
  readonly ends: ReadonlyMap<ShardId, Seq> | null;
  /**
   * After which sequence the history of a shard begins, of those with an accepted loss. Empty for
   * files: their readers find it.
   */
  readonly beganAfter: ReadonlyMap<ShardId, Seq>;
}

export const belongsToAnother = (place: string, found: string, id: string): ProcessEnd =>
  new ProcessEnd('foreign', `the journal in ${place} belongs to installation ${found}, not to ${id}`);
