/** Topics: what their names mean, and what a caller may see of them. */
import type { ShardId } from '../../domain/ids.js';
import type { Role } from '../../engine/engine.js';
import type { Interest } from '../../engine/live.js';
import { LINE_CHARACTER, USER_ID_LENGTH_MAX } from '../api/text-rule.js';

const UUID = '[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}';
/** An id that its owner chose. Without commas, which separate topics in a query. */
const NAME = '[!-+.-~-]{1,128}';
const asGiven = (id: string): string => id;
const inLowerCase = (id: string): string => id.toLowerCase();

/** A kind of topics: the pattern of ids, and how an id is kept. */
const KINDS = {
  book: { pattern: UUID, keep: inLowerCase },
  code: { pattern: '[A-Za-z0-9._-]{3,64}', keep: (id) => id.toUpperCase() },
  user: { pattern: `${LINE_CHARACTER}{1,${USER_ID_LENGTH_MAX}}`, keep: asGiven },
  job: { pattern: UUID, keep: inLowerCase },
  promotion: { pattern: UUID, keep: inLowerCase },
  product: { pattern: `${LINE_CHARACTER}{1,${USER_ID_LENGTH_MAX}}`, keep: asGiven },
  campaign: { pattern: UUID, keep: inLowerCase },
  queue: { pattern: NAME, keep: asGiven },
} as const satisfies Record<string, { readonly pattern: string; readonly keep: (id: string) => string }>;

export type LiveTopicKind = keyof typeof KINDS;

const ANY = Object.entries(KINDS)
  .map(([kind, { pattern }]) => `${kind}:${pattern}`)
  .join('|');
export const TOPIC = new RegExp(`^(?:${ANY})$`, 'u');
/** Several, separated by commas. An id with a comma does not fit into such a list. */
const LISTED = ANY.replaceAll(LINE_CHARACTER, LINE_CHARACTER.replace('[^', '[^,'));
export const TOPICS = new RegExp(`^(?:${LISTED})(?:,(?:${LISTED}))*$`, 'u');

export interface Topic {
  readonly kind: LiveTopicKind;
  readonly id: string;
  /** `kind:id`. */
  readonly name: string;
}

/** Null: the text is not a topic. */
export function parseTopic(text: string): Topic | null {
  if (!TOPIC.test(text)) return null;
  const colon = text.indexOf(':');
  const kind = text.slice(0, colon) as LiveTopicKind;
  const id = KINDS[kind].keep(text.slice(colon + 1));
  return { kind, id, name: `${kind}:${id}` };
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
    case 'promotion':
    case 'campaign':
    case 'product':
      return { topic, shards, interests: isStaff(viewer) ? [{ kind, id, shard }] : [], isCountsOnly: false };
    // They have no events in the order of a shard: hints, or parts that are not there yet.
    case 'job':
    case 'queue':
      return { topic, shards: [], interests: [], isCountsOnly: false };
  }
}

/** Each event is checked, too: a code may change hands. */
export function maySeeEvent(viewer: Viewer, userId: string | null, isForStaff: boolean): boolean {
  return isStaff(viewer) || (!isForStaff && userId === viewer.caller);
}
