/**
 * The cursor of a live connection: the data set, and the last sequence of each shard that the
 * connection has. Clients treat it as opaque.
 *
 *     version: 1 byte │ data set: 6 bytes │ shards: 1 byte │ per shard, ascending: number 1 byte, sequence as a varint
 *
 * Text: base64url. With 255 shards it has at most 2,741 characters.
 */
import { asSeq, asShardId, type Seq, type ShardId } from '../../domain/ids.js';
import type { Positions } from '../../engine/live.js';

const VERSION = 1;
const DATA_SET_BYTES = 6;
const HEADER_BYTES = 1 + DATA_SET_BYTES + 1;
const VARINT_BYTES_MAX = 8;
const TEXT_LENGTH_MAX = 4096;

/** `other`: it is of another data set. Null: it is no cursor. */
export type DecodedCursor = { readonly kind: 'positions'; readonly positions: Positions } | { readonly kind: 'other' };

export interface Cursors {
  /** `shards` ascending; `seqOf` gives the sequence of each. */
  encode(shards: readonly ShardId[], seqOf: (shard: ShardId) => number): string;
  decode(text: string): DecodedCursor | null;
}

export function createCursors(dataSet: Uint8Array): Cursors {
  const buffer = Buffer.alloc(HEADER_BYTES + 255 * (1 + VARINT_BYTES_MAX));
  buffer[0] = VERSION;
  buffer.set(dataSet.subarray(0, DATA_SET_BYTES), 1);
  return {
    encode(shards, seqOf) {
      buffer[HEADER_BYTES - 1] = shards.length;
      let at = HEADER_BYTES;
      for (const shard of shards) {
        buffer[at++] = shard;
        let rest = seqOf(shard);
        // Not bit by bit: a sequence has up to 53 bits.
        while (rest >= 128) {
          buffer[at++] = (rest % 128) | 128;
          rest = Math.floor(rest / 128);
        }
        buffer[at++] = rest;
      }
      return buffer.toString('base64url', 0, at);
    },
    decode(text) {
      if (text.length > TEXT_LENGTH_MAX || !/^[\w-]+$/.test(text)) return null;
      const bytes = Buffer.from(text, 'base64url');
      if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) return null;
      const positions = readPositions(bytes);
      if (positions === null) return null;
      const isSame = bytes.subarray(1, 1 + DATA_SET_BYTES).equals(dataSet.subarray(0, DATA_SET_BYTES));
      return isSame ? { kind: 'positions', positions } : { kind: 'other' };
    },
  };
}

function readPositions(bytes: Uint8Array): Map<ShardId, Seq> | null {
  const positions = new Map<ShardId, Seq>();
  let at = HEADER_BYTES;
  for (let n = bytes[HEADER_BYTES - 1] ?? 0; n > 0; n--) {
    const shard = bytes[at++];
    let seq = 0;
    let unit = 1;
    let byte = 128;
    while (byte >= 128) {
      byte = bytes[at++] ?? -1;
      if (byte < 0 || seq > Number.MAX_SAFE_INTEGER) return null;
      seq += (byte & 127) * unit;
      unit *= 128;
    }
    if (shard === undefined || seq > Number.MAX_SAFE_INTEGER) return null;
    positions.set(asShardId(shard), asSeq(seq));
  }
  return at === bytes.length ? positions : null;
}
