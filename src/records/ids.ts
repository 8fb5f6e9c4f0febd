/** The identities that records name. Branded where mixing two of them up would still type-check. */

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
