/** The state of a topic, with the position at which it is exact. */
import type { CodeView, Query } from '../../domain/command.js';
import { asBookId, asCampaignId, asShardId, type Seq, type ShardId } from '../../domain/ids.js';
import type { Control, Engine, QueryReply } from '../../engine/engine.js';
import type { Positions } from '../../engine/live.js';
import { stockJson } from '../api/flash/views.js';
import { campaignHead, promotionJson } from '../api/promotions/views.js';
import { bookJson, codeJson, countsJson, jobJson } from '../api/views.js';
import { isStaff, type Viewer, type Watch } from './topics.js';

export interface Snapshot {
  readonly positions: Positions;
  readonly data: unknown;
}

/** What snapshots are read from. */
export interface SnapshotSources {
  readonly engine: Engine;
  readonly control: Pick<Control, 'job'>;
  readonly shards: readonly ShardId[];
}

const USER_CODES_MAX = 1_000;

/** Null: the viewer may not see the topic, or there is nothing of this name. */
export async function takeSnapshot(
  { engine, control, shards }: SnapshotSources,
  { topic, interests, isCountsOnly }: Watch,
  viewer: Viewer,
): Promise<Snapshot | null | 'unavailable'> {
  switch (topic.kind) {
    case 'book': {
      const reply = await ask(engine, { kind: 'getBook', bookId: asBookId(topic.id) }, null);
      if (reply.kind !== 'result') return failureOf(reply);
      if (reply.result.kind !== 'book') throw new Error(`a ${reply.result.kind} for a book`);
      const { view } = reply.result;
      return at(reply, isCountsOnly ? { id: view.book.id, counts: countsJson(view.counts) } : bookJson(view));
    }
    case 'code': {
      const reply = await ask(engine, { kind: 'getCode', code: topic.id }, null);
      if (reply.kind !== 'result') return failureOf(reply);
      // A promotion has a topic of its own.
      if (reply.result.kind === 'promotion') return null;
      if (reply.result.kind !== 'code') throw new Error(`a ${reply.result.kind} for a code`);
      const { code } = reply.result;
      return isStaff(viewer) || code.userId === viewer.caller ? at(reply, codeJson(code)) : null;
    }
    case 'user':
      return interests.length === 0 ? null : userSnapshot(engine, topic.id, shards);
    case 'job': {
      const job = isStaff(viewer) ? await control.job(topic.id) : null;
      return job === null ? null : { positions: new Map(), data: jobJson(job) };
    }
    case 'promotion': {
      if (interests.length === 0) return null;
      const reply = await ask(engine, { kind: 'getPromotion', id: topic.id }, null);
      if (reply.kind !== 'result') return failureOf(reply);
      if (reply.result.kind !== 'promotion') throw new Error(`a ${reply.result.kind} for a promotion`);
      return at(reply, promotionJson(reply.result.view));
    }
    case 'campaign': {
      if (interests.length === 0) return null;
      const reply = await ask(engine, { kind: 'getCampaign', campaign: asCampaignId(topic.id) }, null);
      if (reply.kind !== 'result') return failureOf(reply);
      if (reply.result.kind !== 'campaign') throw new Error(`a ${reply.result.kind} for a campaign`);
      // Without its promotions, which may be too many for one message.
      return at(reply, campaignHead(reply.result.campaign));
    }
    case 'product': {
      if (interests.length === 0) return null;
      const reply = await ask(engine, { kind: 'getStock', productId: topic.id }, null);
      if (reply.kind !== 'result') return failureOf(reply);
      if (reply.result.kind !== 'stock') throw new Error(`a ${reply.result.kind} for a stock`);
      return at(reply, stockJson(reply.result.view));
    }
    case 'queue':
      return null;
  }
}

async function userSnapshot(
  engine: Engine,
  userId: string,
  shards: readonly ShardId[],
): Promise<Snapshot | 'unavailable'> {
  const filter = { kind: 'listUserCodes', userId, bookId: null, status: null } as const;
  const query: Query = { ...filter, afterIndex: -1, limit: USER_CODES_MAX };
  const replies = await Promise.all(shards.map((shard) => ask(engine, query, shard)));
  const positions = new Map<ShardId, Seq>();
  const codes: CodeView[] = [];
  let hasMore = false;
  for (const reply of replies) {
    if (reply.kind !== 'result') return 'unavailable';
    if (reply.result.kind !== 'codes') throw new Error(`a ${reply.result.kind} for codes`);
    const { items, nextIndex } = reply.result.page;
    positions.set(reply.shard, reply.durableSeq);
    codes.push(...items);
    hasMore ||= nextIndex !== null;
  }
  const shown = codes.slice(0, USER_CODES_MAX);
  return {
    positions,
    data: { userId, codes: shown.map(codeJson), more: hasMore || codes.length > shown.length },
  };
}

function ask(engine: Engine, query: Query, shard: ShardId | null): Promise<QueryReply> {
  return new Promise((resolve) => engine.query(query, shard, resolve));
}

function at({ shard, durableSeq }: Extract<QueryReply, { kind: 'result' }>, data: unknown): Snapshot {
  return { positions: new Map([[asShardId(shard), durableSeq]]), data };
}

const failureOf = ({ kind }: Exclude<QueryReply, { kind: 'result' }>): null | 'unavailable' =>
  kind === 'refused' ? null : 'unavailable';
