/** Topics: what their names mean, and what a caller may see of them. */
import { normalizeCode } from '../../codes/normalize.js';
import type { ShardId } from '../../domain/ids.js';
import type { Role } from '../../engine/engine.js';
import type { Interest } from '../../engine/live.js';
import { USER_ID } from '../api/text-rule.js';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Ids of parts that are named by their owner. */
const NAME = /^[\x21-\x7e]{1,128}$/;

/** A kind of topics: how the id of one is read. Null: it is none. */
const KINDS = {
  book: uuidOf,
  code: normalizeCode,
  user: (id: string) => (USER_ID.test(id) ? id : null),
  job: uuidOf,
  promotion: nameOf,
  product: nameOf,
  campaign: nameOf,
  queue: nameOf,
} as const satisfies Record<string, (id: string) => string | null>;

export type LiveTopicKind = keyof typeof KINDS;

export interface Topic {
  readonly kind: LiveTopicKind;
  readonly id: string;
  /** `kind:id`. */
  readonly name: string;
}

/** Null: the text is not a topic. */
export function parseTopic(text: string): Topic | null {
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon);
  if (colon < 1 || !Object.hasOwn(KINDS, kind)) return null;
  const id = KINDS[kind as LiveTopicKind](text.slice(colon + 1));
  return id === null ? null : { kind: kind as LiveTopicKind, id, name: `${kind}:${id}` };
}

/** What a topic means for one caller. */
export interface Watch {
  readonly topic: Topic;
  /** What the live thread looks for. Empty: the topic stays silent. */
  readonly interests: readonly Interest[];
  /** The shards whose positions the cursor holds for it. */
  readonly shards: readonly ShardId[];
  /** The caller is told of counts only. */
  readonly isCountsOnly: boolean;
}

export interface Viewer {
  readonly caller: string;
  readonly role: Role;
}

export const isStaff = ({ role }: Viewer): boolean => role !== 'user';

/**
 * A topic that the caller may not see has the same shards as one that it may see, and no interests:
 * its cursor does not tell them apart.
 *
 * `shard`: of the topic; null: any shard can have events of it.
 */
export function watchOf(topic: Topic, viewer: Viewer, shard: ShardId | null, all: readonly ShardId[]): Watch {
  const { kind, id } = topic;
  const shards = shard === null ? all : [shard];
  switch (kind) {
    case 'book': {
      const counts: Interest = { kind: 'counts', id, shard };
      const isCountsOnly = !isStaff(viewer);
      return { topic, shards, interests: isCountsOnly ? [counts] : [{ kind, id, shard }, counts], isCountsOnly };
    }
    case 'code':
      return { topic, shards, interests: [{ kind, id, shard }], isCountsOnly: false };
    case 'user': {
      const maySee = isStaff(viewer) || viewer.caller === id;
      return { topic, shards, interests: maySee ? [{ kind, id, shard: null }] : [], isCountsOnly: false };
    }
    // They have no events in the order of a shard: hints, or parts that are not there yet.
    case 'job':
    case 'promotion':
    case 'product':
    case 'campaign':
    case 'queue':
      return { topic, shards: [], interests: [], isCountsOnly: false };
  }
}

/** Each event is checked, too: a code may change hands. */
export function maySeeEvent(viewer: Viewer, userId: string | null, isForStaff: boolean): boolean {
  return isStaff(viewer) || (!isForStaff && userId === viewer.caller);
}

function uuidOf(id: string): string | null {
  const lower = id.toLowerCase();
  return UUID.test(lower) ? lower : null;
}

function nameOf(id: string): string | null {
  return NAME.test(id) ? id : null;
}
