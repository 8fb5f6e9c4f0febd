/**
 * What HTTP threads and the live thread say to each other. The live thread follows the journal and
 * sends each HTTP thread the events that its clients watch.
 *
 * A client is a **subscriber** here. While it catches up, it gets `chunk` messages of its own. When
 * it has reached the position of the live thread, its last chunk says `live`, and from then on it
 * gets what the `events` messages have for its topics. All messages travel in order through one
 * port, so no event is missing or repeated between the two.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Seq, ShardId } from '../domain/ids.js';

/**
 * What the live thread looks for. `counts`: that something of a book changed, ten times a second at
 * most.
 */
export type InterestKind = 'book' | 'code' | 'user' | 'promotion' | 'campaign' | 'product' | 'counts';

export interface Interest {
  readonly kind: InterestKind;
  readonly id: string;
  /** Null: any shard can have events of it. */
  readonly shard: ShardId | null;
}

export type Positions = ReadonlyMap<ShardId, Seq>;

/** From an HTTP thread. */
export type ToLive =
  | {
      readonly type: 'subscribe';
      readonly id: number;
      readonly interests: readonly Interest[];
      /** The shards of its topics. */
      readonly shards: readonly ShardId[];
      /** What it has of these shards; a shard that is not named starts at the present. */
      readonly since: Positions;
      /** Where it stops, without becoming live; null: it becomes live. */
      readonly through: Positions | null;
    }
  /** The last chunk was sent to the client, and the client reads. */
  | { readonly type: 'more'; readonly id: number }
  | { readonly type: 'unsubscribe'; readonly id: number }
  /** An `events` message was taken. */
  | { readonly type: 'taken' };

/** Where missed events were read. */
export type ResumeSource = 'ring' | 'journal' | 'audit';

/** An event that somebody watches. Flat, because a message may have very many. */
export type EventFields = readonly [
  shard: ShardId,
  seq: Seq,
  atMs: number,
  /** The user whom the event names. */
  userId: string | null,
  isForStaff: boolean,
  /** Of its topics those that are watched, each as kind and id. */
  topics: readonly string[],
  /** The members `event`, `at` and `data` of the message. */
  text: string,
];

/** To an HTTP thread. */
export type FromLive =
  | {
      readonly type: 'chunk';
      readonly id: number;
      readonly events: readonly EventFields[];
      /** What the subscriber has after them. */
      readonly positions: Positions;
      /**
       * `partial`: there is more, and it is to be asked for. `reached`: it has come through
       * `through`, and the subscriber has ended. `live`: all that follows comes with `events`.
       */
      readonly progress: 'partial' | 'reached' | 'live';
      /** Null: nothing was read. */
      readonly source: ResumeSource | null;
    }
  /** The positions are too old, or not of this data. The subscriber has ended. */
  | { readonly type: 'expired'; readonly id: number }
  /** The missed events can't be read now. The subscriber has ended. */
  | { readonly type: 'unavailable'; readonly id: number }
  | {
      readonly type: 'events';
      readonly events: readonly EventFields[];
      /**
       * All events of these shards through these sequences were sent, where somebody watches them.
       */
      readonly positions: Positions;
      /** Books of which something changed, for subscribers to `counts`. */
      readonly changedBooks: readonly string[];
    };

/** From the main thread. */
export type ToLiveThread =
  /** To an HTTP thread. */
  { readonly type: 'connect'; readonly port: MessagePort } | { readonly type: 'stop' };
