/** What an actor commits: one entry of each shard that changed. */
import { type Change, lastSeqOf } from '../domain/event.js';
import type { ShardId } from '../domain/ids.js';
import { encodeChanges } from '../journal/codec.js';
import type { Entry } from '../journal/journal.js';

export function encodeEntries(changes: ReadonlyMap<ShardId, readonly Change[]>): Entry[] {
  return [...changes].map(([shard, list]) => {
    const first = list[0];
    const last = list.at(-1);
    if (first === undefined || last === undefined) throw new Error(`shard ${shard} has an empty commit`);
    return { shard, firstSeq: first.firstSeq, lastSeq: lastSeqOf(last), payload: encodeChanges(list) };
  });
}
