/** The identities of the domain. Branded where mixing two of them up would still type-check. */

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** A UUIDv7 in lower case, 36 characters. */
export type BookId = Brand<string, 'BookId'>;

/** The number of a logical shard, `0 .. SHARDS - 1`. */
export type ShardId = Brand<number, 'ShardId'>;

/**
 * The place of an event in the one order of its shard: 1, 2, 3, … without a gap.
 * 0 means "before the first event".
 */
export type Seq = Brand<number, 'Seq'>;

export const asBookId = (text: string): BookId => text as BookId;
export const asShardId = (index: number): ShardId => index as ShardId;
export const asSeq = (count: number): Seq => count as Seq;

/** Logical shards are numbered from 1 in the 8 bits that the code directory has for them. */
export const SHARDS_MAX = 255;
