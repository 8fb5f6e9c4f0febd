/**
 * The live updates of one HTTP thread: its connections, and what the live thread sends for them.
 *
 *     live thread ─▶ events ─▶ connections with one topic: one publish of uWebSockets.js for all of them
 *                          └─▶ the others: event by event, with all topics of the event that each has
 *                    chunks ─▶ the connection that catches up (client.ts)
 *
 * The text of an event is made once for all connections that have the same topics of it and the
 * same shards.
 */
import { asBookId, asSeq, type Seq, type ShardId, shardOfId } from '../../domain/ids.js';
import type { Control, Engine } from '../../engine/engine.js';
import type { EventFields, FromLive, Positions, ToLive } from '../../engine/live.js';
import type { HttpLog } from '../server/log.js';
import type { Account, LiveClient, LiveThread } from './client.js';
import { createLiveCounters } from './counters.js';
import { type CountsFeed, createCountsFeed } from './counts.js';
import { type Cursors, createCursors } from './cursor.js';
import { createJobFeed, type JobFeed } from './jobs.js';
import { CLOSE, eventMessage, eventText } from './messages.js';
import { isStaff, maySeeEvent } from './topics.js';

export interface LiveLimits {
  /** Live connections of the thread. */
  readonly connectionsMax: number;
  readonly perCallerMax: number;
  /** Of a connection. */
  readonly topicsMax: number;
}

export interface LiveOptions {
  readonly engine: Engine;
  readonly control: Control;
  /** `LIVE_COUNTERS_BYTES` long. */
  readonly counters: SharedArrayBuffer;
  readonly log: HttpLog;
  readonly limits: LiveLimits;
  /** Names the data that cursors are of. */
  readonly dataSet: Uint8Array;
  readonly nowMs: () => number;
  /** To all connections of the thread that follow this name. */
  readonly publish: (name: string, text: string) => void;
}

export interface Live extends LiveThread {
  /**
   * The live thread, at the start and each time that it was replaced. Returns what takes its
   * messages.
   */
  connect(port: LivePort): (message: FromLive) => void;
  /** False: there are too many. */
  mayConnect(caller: string): boolean;
  add(client: LiveClient): void;
  /** Looks at all connections: ends those of accounts whose token is over. Twice a second. */
  sweep(isOver: (account: Account) => boolean): void;
  /** To be called every 100 ms. */
  tick(): void;
  closeAll(): void;
}

/** What the live thread is reached by. */
export interface LivePort {
  postMessage(message: ToLive): void;
}

export function createLive(options: LiveOptions): Live {
  const { engine, control, log, limits, nowMs, publish } = options;
  const counters = createLiveCounters(options.counters);
  const cursors: Cursors = createCursors(options.dataSet);
  const shards = Array.from({ length: engine.shardCount }, (_, shard) => shard as ShardId);
  /** Events of a shard through this sequence were sent to all live connections. */
  const positions = new Float64Array(shards.length);
  const clients = new Set<LiveClient>();
  const perCaller = new Map<string, number>();
  /** Live connections that get their events one by one, by topic. */
  const byTopic = new Map<string, Set<LiveClient>>();
  /** How many connections follow a published name. */
  const followers = new Map<string, number>();
  const catchingUp = new Map<number, LiveClient>();
  let port: LivePort | null = null;
  let nextId = 1;
  let topicCount = 0;

  const send = (message: ToLive): void => port?.postMessage(message);
  const positionOf = (shard: ShardId): Seq => asSeq(positions[shard] ?? 0);

  function onMessage(message: FromLive): void {
    switch (message.type) {
      case 'events':
        for (const event of message.events) deliver(event);
        advance(message.positions);
        if (message.events.length > 0) counts.flush();
        for (const bookId of message.changedBooks) counts.changed(bookId);
        return void send({ type: 'taken' });
      case 'chunk':
        // Those of a subscriber that is not live can be ahead of what the others got.
        if (message.progress === 'live') advance(message.positions);
        catchingUp.get(message.id)?.onChunk(message);
        if (message.progress !== 'partial') catchingUp.delete(message.id);
        return;
      case 'expired':
      case 'unavailable':
        catchingUp.get(message.id)?.onChunk(message);
        catchingUp.delete(message.id);
    }
  }

  function advance(reached: Positions): void {
    for (const [shard, seq] of reached) positions[shard] = Math.max(positions[shard] ?? 0, seq);
  }

  // ─── Delivery ────────────────────────────────────────────────────────────────────────────────

  function deliver(event: EventFields): void {
    const [shard, seq, atMs, , , topics, text] = event;
    positions[shard] = seq;
    counters.lag(nowMs() - atMs);
    for (const topic of topics) {
      const count = followers.get(topic);
      if (count === undefined) continue;
      const cursor = cursors.encode([shard], positionOf);
      counters.add('sent', count);
      publish(topic, eventMessage([topic], cursor, text));
    }
    sendTo(recipientsOf(topics), event);
  }

  /** Each with the topics of the event that it has. */
  function recipientsOf(topics: readonly string[]): ReadonlyMap<LiveClient, readonly string[]> {
    const found = new Map<LiveClient, string[]>();
    for (const topic of topics) {
      for (const client of byTopic.get(topic) ?? []) {
        const watch = client.watches.get(topic);
        // A topic without interests stays silent, whoever else watches it.
        if (watch === undefined || watch.isCountsOnly || watch.interests.length === 0) continue;
        const own = found.get(client);
        if (own === undefined) found.set(client, [topic]);
        else own.push(topic);
      }
    }
    return found;
  }

  function sendTo(recipients: ReadonlyMap<LiveClient, readonly string[]>, event: EventFields): void {
    const [, , , userId, isForStaff, , text] = event;
    const messages = new Map<string, { readonly message: string; readonly cursor: string }>();
    for (const [client, topics] of recipients) {
      if (!maySeeEvent(client.account, userId, isForStaff)) continue;
      const key = `${client.shardsKey} ${topics.join()}`;
      let made = messages.get(key);
      if (made === undefined) {
        const cursor = client.cursor();
        made = { message: eventMessage(topics, cursor, text), cursor };
        messages.set(key, made);
      }
      counters.add('sent', 1);
      client.send(made.message, made.cursor);
    }
  }

  /** To all connections that have this topic; `isForStaff`: not to users. */
  function broadcast(topic: string, isForStaff: boolean, message: (cursor: string) => string): void {
    const recipients = byTopic.get(topic) ?? [];
    for (const client of recipients) {
      if (isForStaff && !isStaff(client.account)) continue;
      const cursor = client.cursor();
      counters.add('sent', 1);
      client.send(message(cursor), cursor);
    }
  }

  const counts: CountsFeed = createCountsFeed({
    engine,
    nowMs,
    isWatched: (bookId) => {
      const topic = `book:${bookId}`;
      return byTopic.has(topic) || followers.has(topic) || followers.has(`counts:${bookId}`);
    },
    onCounts(bookId, shard, at, data) {
      const topic = `book:${bookId}`;
      const text = eventText('book.counts', at, data);
      for (const name of [topic, `counts:${bookId}`]) {
        const count = followers.get(name);
        if (count === undefined) continue;
        counters.add('sent', count);
        publish(name, eventMessage([topic], cursors.encode([shard], positionOf), text));
      }
      broadcast(topic, false, (cursor) => eventMessage([topic], cursor, text));
    },
    onHint(bookId, message) {
      const topic = `book:${bookId}`;
      if (followers.has(topic)) publish(topic, message);
      broadcast(topic, true, () => message);
    },
  });

  const jobs: JobFeed = createJobFeed({
    control,
    nowMs,
    onHint: (topic, message) => broadcast(topic, true, () => message),
  });

  // ─── Connections ─────────────────────────────────────────────────────────────────────────────

  function changeTopics(by: number): void {
    topicCount += by;
    counters.set('subscriptions', topicCount);
  }

  return {
    engine,
    control,
    log,
    limits,
    cursors,
    shards,
    positionOf,

    connect(next) {
      port = next;
      const restarted = [...clients];
      catchingUp.clear();
      for (const client of restarted) client.restart();
      return onMessage;
    },

    mayConnect(caller) {
      return clients.size < limits.connectionsMax && (perCaller.get(caller) ?? 0) < limits.perCallerMax;
    },

    add(client) {
      clients.add(client);
      perCaller.set(client.account.caller, (perCaller.get(client.account.caller) ?? 0) + 1);
      counters.set('connections', clients.size);
    },

    forget(client) {
      if (!clients.delete(client)) return;
      const { caller } = client.account;
      const rest = (perCaller.get(caller) ?? 1) - 1;
      if (rest > 0) perCaller.set(caller, rest);
      else perCaller.delete(caller);
      counters.set('connections', clients.size);
    },

    subscribe({ interests, shards: ofTopics, since, through }, client) {
      const id = nextId++;
      catchingUp.set(id, client);
      send({ type: 'subscribe', id, interests, shards: ofTopics, since, through });
      return id;
    },

    more: (id) => send({ type: 'more', id }),

    unsubscribe(id) {
      catchingUp.delete(id);
      send({ type: 'unsubscribe', id });
    },

    join(client, followed) {
      if (followed !== null) followers.set(followed, (followers.get(followed) ?? 0) + 1);
      for (const [name, { topic }] of client.watches) {
        if (followed === null) {
          const set = byTopic.get(name);
          if (set === undefined) byTopic.set(name, new Set([client]));
          else set.add(client);
        }
        if (topic.kind === 'book') counts.changed(topic.id);
        if (topic.kind === 'job' && isStaff(client.account)) jobs.watch(topic.id);
      }
      changeTopics(client.watches.size);
    },

    leave(client, followed) {
      if (followed !== null) {
        const rest = (followers.get(followed) ?? 1) - 1;
        if (rest > 0) followers.set(followed, rest);
        else followers.delete(followed);
      }
      for (const [name, { topic }] of client.watches) {
        if (followed === null) {
          const set = byTopic.get(name);
          set?.delete(client);
          if (set?.size === 0) byTopic.delete(name);
        }
        if (topic.kind === 'job' && isStaff(client.account)) jobs.unwatch(topic.id);
      }
      changeTopics(-client.watches.size);
    },

    publishedName({ topic, isCountsOnly }) {
      if (topic.kind !== 'book') return null;
      return isCountsOnly ? `counts:${topic.id}` : topic.name;
    },

    shardOf({ kind, id }) {
      switch (kind) {
        case 'book':
          return engine.shardOfBook(asBookId(id));
        case 'promotion':
        case 'campaign':
          return shardOfId(id, engine.shardCount);
        case 'code':
        case 'user':
        case 'job':
        case 'product':
        case 'queue':
          return null;
      }
    },

    countSent: (count) => counters.add('sent', count),
    countCut: () => counters.add('cut', 1),
    countResume: (source) => counters.add(source, 1),

    sweep(isOver) {
      for (const client of clients)
        if (isOver(client.account)) client.close(CLOSE.unauthenticated, 'the token is not valid any more');
        else client.tick(nowMs());
    },

    tick() {
      counts.tick();
      jobs.tick();
    },

    closeAll() {
      for (const client of [...clients]) client.close(CLOSE.goingAway, 'the server stops');
    },
  };
}
