/** The identities of the domain, and the ways to name one. */
import type { BookId, ScopeId, Seq, ShardId } from '../records/ids.js';

export type { BookId, ScopeId, Seq, ShardId };

export const asScopeId = (text: string): ScopeId => text as ScopeId;
export const asBookId = (text: string): BookId => text as BookId;
export const asShardId = (index: number): ShardId => index as ShardId;
export const asSeq = (count: number): Seq => count as Seq;

/** Logical shards are numbered from 1 in the 8 bits that the code directory has for them. */
export const SHARDS_MAX = 255;
