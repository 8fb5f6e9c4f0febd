/**
 * The live thread: follows the journal of all shards, and tells each HTTP thread what its clients
 * watch.
 *
 *     feed ─▶ ring ─▶ which events does anybody watch? ─▶ one message per HTTP thread
 *
 * It follows only while somebody watches, and for some minutes after that, so that clients which
 * come back find what they missed in the ring. A client that resumes from further back is read
 * from the journal, and from the audit rows in PostgreSQL where the journal has no more.
 *
 * Every queue has a bound: an HTTP thread that does not take its messages stops the following (the
 * journal keeps what comes meanwhile), and a client asks for each chunk of what it missed.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asSeq, type Seq, type ShardId } from '../../domain/ids.js';
import type { EventFields, FromLive, ToLive } from '../../engine/live.js';
import type { Feed } from '../../feed/feed.js';
import { JournalTrimmed } from '../../journal/journal.js';
import { Interests } from './interests.js';
import type { About, LiveEvent } from './live-event.js';
import { Ring } from './ring.js';
import { batchOf, type Source } from './source.js';
import { Subscriber } from './subscriber.js';

interface HubOptions {
  readonly shards: readonly ShardId[];
  readonly feed: Feed;
  readonly source: Source;
  readonly log: { warn(fields: object, message: string): void; error(fields: object, message: string): void };
}

export interface Hub {
  /** An HTTP thread. Its messages go to `receive`. */
  connect(send: (message: FromLive) => void): { receive(message: ToLive): void };
  stop(): Promise<void>;
}

/** How often it looks for new events. */
const LOOK_MS = 2;
const READ_BYTES_MAX = 256 * 1024;
const RING_BYTES_MAX = 32 * 1024 * 1024;
const DECODED_EVENTS_MAX = 100_000;
/** How long it follows when nobody watches any more. */
const LINGER_MS = 5 * 60_000;
/** Messages that an HTTP thread may have before it says that it took one. */
const UNTAKEN_MAX = 32;
const COUNTS_EVERY_MS = 100;
/** How often positions are told where nothing happened that anybody watches. */
const POSITIONS_EVERY_MS = 1000;
const RETRY_MS = 200;
/** A client that missed more takes a snapshot. */
const MISSED_EVENTS_MAX = 1_000_000;

type Chunk = Extract<FromLive, { readonly type: 'chunk' }>;

/** An HTTP thread. */
class Link {
  readonly interests = new Interests();
  readonly subscribers = new Map<number, Subscriber>();
  /** For the next message. */
  events: EventFields[] = [];
  readonly positions = new Map<ShardId, Seq>();
  readonly changedBooks = new Set<string>();
  untaken = 0;
  countsSentMs = 0;
  sentMs = 0;

  constructor(readonly send: (message: FromLive) => void) {}
}

export function createHub({ shards, feed, source, log }: HubOptions): Hub {
  const links: Link[] = [];
  const positions = new Map<ShardId, Seq>();
  const ring = new Ring({ bytesMax: RING_BYTES_MAX, decodedEventsMax: DECODED_EVENTS_MAX });
  /** Subscribers that wait until the hub has come further. */
  const waiting = new Map<Subscriber, Link>();
  /** When a shard that could not be read is tried again. */
  const retryMs = new Map<ShardId, number>();
  let isFollowing = false;
  let isStopped = false;
  let neededMs = 0;
  let following: Promise<void> = Promise.resolve();

  // ─── Following ───────────────────────────────────────────────────────────────────────────────

  function begin(): void {
    neededMs = performance.now();
    if (isFollowing || isStopped) return;
    isFollowing = true;
    ring.clear();
    for (const shard of shards) positions.set(shard, feed.durableSeq(shard));
    following = follow();
  }

  async function follow(): Promise<void> {
    while (!isStopped && isNeeded()) if (!(await step())) await sleep(LOOK_MS);
    isFollowing = false;
    ring.clear();
  }

  function isNeeded(): boolean {
    const nowMs = performance.now();
    if (links.some(({ subscribers }) => subscribers.size > 0)) neededMs = nowMs;
    return nowMs - neededMs < LINGER_MS;
  }

  /** Reads what each shard has, and sends it. True: there may be more. */
  async function step(): Promise<boolean> {
    let isBehind = false;
    if (links.some(({ untaken }) => untaken >= UNTAKEN_MAX)) return false;
    for (const shard of shards) {
      if (feed.durableSeq(shard) <= positionOf(shard) || performance.now() < (retryMs.get(shard) ?? 0)) continue;
      try {
        if (await readShard(shard)) isBehind = true;
        retryMs.delete(shard);
      } catch (error) {
        // The other shards go on.
        if (!retryMs.has(shard))
          log.error({ err: error, shard }, 'live updates of a shard can not be read, and are tried again');
        retryMs.set(shard, performance.now() + RETRY_MS);
      }
    }
    for (const link of links) flush(link);
    for (const [subscriber, link] of [...waiting]) {
      waiting.delete(subscriber);
      void advance(link, subscriber);
    }
    return isBehind;
  }

  /** False: there was nothing. */
  async function readShard(shard: ShardId): Promise<boolean> {
    const batch = await readNext(shard, positionOf(shard));
    if (batch === null) return false;
    ring.add(batch);
    const concerned = links.filter(({ interests }) => interests.concerns(shard));
    // Each event is looked at once: counts need its book alone, and no text is made for them.
    const look = (about: About): boolean => {
      let isWanted = false;
      for (const { interests, changedBooks } of concerned) {
        if (interests.countsBook(about.scopeId)) changedBooks.add(about.scopeId);
        if (interests.hasTopicOf(about)) isWanted = true;
      }
      return isWanted;
    };
    const events = concerned.length === 0 ? [] : batch.read(look);
    for (const link of concerned) collect(link, shard, batch.lastSeq, events);
    positions.set(shard, batch.lastSeq);
    return true;
  }

  async function readNext(shard: ShardId, from: Seq) {
    try {
      const batch = await feed.read(shard, from, READ_BYTES_MAX);
      return batch === null ? null : batchOf(batch);
    } catch (error) {
      // The projection was faster, and the journal keeps nothing that PostgreSQL has.
      if (error instanceof JournalTrimmed) return source.fromAudit(shard, from, feed.durableSeq(shard), null);
      throw error;
    }
  }

  function collect(link: Link, shard: ShardId, lastSeq: Seq, events: readonly LiveEvent[]): void {
    link.positions.set(shard, lastSeq);
    for (const event of events) {
      const topics = link.interests.topicsOf(event);
      if (topics.length > 0) link.events.push(fieldsOf(event, topics));
    }
  }

  /** Sends what was collected, if there is something to tell now. */
  function flush(link: Link): void {
    const nowMs = performance.now();
    const areCountsDue = link.changedBooks.size > 0 && nowMs - link.countsSentMs >= COUNTS_EVERY_MS;
    const arePositionsDue = link.positions.size > 0 && nowMs - link.sentMs >= POSITIONS_EVERY_MS;
    if (link.events.length === 0 && !areCountsDue && !arePositionsDue) return;
    sendEvents(link, areCountsDue, nowMs);
  }

  function sendEvents(link: Link, withCounts: boolean, nowMs: number): void {
    const changedBooks = withCounts ? [...link.changedBooks] : [];
    if (withCounts) {
      link.changedBooks.clear();
      link.countsSentMs = nowMs;
    }
    link.send({ type: 'events', events: link.events, positions: new Map(link.positions), changedBooks });
    link.events = [];
    link.positions.clear();
    link.untaken++;
    link.sentMs = nowMs;
  }

  // ─── Subscribers ─────────────────────────────────────────────────────────────────────────────

  function subscribe(link: Link, message: Extract<ToLive, { type: 'subscribe' }>): void {
    begin();
    const { id, interests, shards: ofTopics, since, through } = message;
    const start = new Map<ShardId, Seq>();
    let missed = 0;
    for (const shard of ofTopics) {
      const given = since.get(shard);
      const durable = feed.durableSeq(shard);
      missed += given === undefined ? 0 : durable - given;
      if ((given ?? 0) > durable || missed > MISSED_EVENTS_MAX) return void link.send({ type: 'expired', id });
      // The present is what is durable: this thread may still have to read some of it.
      start.set(shard, given ?? durable);
    }
    const subscriber = new Subscriber({ id, interests, positions: start, through });
    link.subscribers.set(id, subscriber);
    void advance(link, subscriber);
  }

  function unsubscribe(link: Link, id: number): void {
    const subscriber = link.subscribers.get(id);
    if (subscriber === undefined) return;
    link.subscribers.delete(id);
    waiting.delete(subscriber);
    if (subscriber.isLive) link.interests.remove(subscriber.interests);
    subscriber.hasEnded = true;
    neededMs = performance.now();
  }

  /** Sends the next chunk, now or as soon as it is read. */
  async function advance(link: Link, subscriber: Subscriber): Promise<void> {
    if (subscriber.isReading) return;
    subscriber.isReading = true;
    try {
      for (let older = takeFromRing(link, subscriber); older !== null; older = takeFromRing(link, subscriber)) {
        const { shard, from, through } = older;
        const { batch, name } = await source.read(shard, from, through, subscriber.filter);
        if (subscriber.hasEnded) return;
        subscriber.note(name);
        subscriber.take(shard, batch.read(), batch.lastSeq);
      }
    } catch (error) {
      if (subscriber.hasEnded) return;
      log.warn({ err: error }, 'what a live client missed can not be read');
      unsubscribe(link, subscriber.id);
      link.send({ type: 'unavailable', id: subscriber.id });
    } finally {
      subscriber.isReading = false;
    }
  }

  /**
   * Takes what the ring has, synchronously, so that a subscriber that reaches the end of it is live
   * at exactly this position. Returns what has to be read from elsewhere first; null: a chunk was
   * sent, or the subscriber waits.
   */
  function takeFromRing(
    link: Link,
    subscriber: Subscriber,
  ): { readonly shard: ShardId; readonly from: Seq; readonly through: Seq } | null {
    let isAhead = false;
    for (const [shard, start] of subscriber.positions) {
      const position = positionOf(shard);
      const end = asSeq(Math.min(position, subscriber.through?.get(shard) ?? position));
      if (subscriber.endOf(shard, position) > position) isAhead = true;
      for (let from = start; from < end; ) {
        if (subscriber.isFull) {
          sendChunk(link, subscriber, 'partial');
          return null;
        }
        if (!ring.reaches(shard, from)) return { shard, from, through: end };
        const next = ring.next(shard, from);
        if (next === null) throw new Error(`the ring lacks events of shard ${shard} after ${from}`);
        subscriber.note('ring');
        from = subscriber.take(shard, next.events, asSeq(Math.min(next.lastSeq, end)));
      }
    }
    if (isAhead) {
      waiting.set(subscriber, link);
      return null;
    }
    if (subscriber.through === null) {
      // What was collected for others came before, so it is sent before.
      if (link.events.length > 0) sendEvents(link, false, performance.now());
      link.interests.add(subscriber.interests);
      subscriber.isLive = true;
      sendChunk(link, subscriber, 'live');
    } else {
      sendChunk(link, subscriber, 'reached');
      unsubscribe(link, subscriber.id);
    }
    return null;
  }

  function sendChunk(link: Link, subscriber: Subscriber, progress: Chunk['progress']): void {
    const { events, source: name } = subscriber.takeCollected();
    const fields = events.map(({ event, topics }) => fieldsOf(event, topics));
    const reached = new Map(subscriber.positions);
    link.send({ type: 'chunk', id: subscriber.id, events: fields, positions: reached, progress, source: name });
  }

  function positionOf(shard: ShardId): Seq {
    return positions.get(shard) ?? asSeq(0);
  }

  return {
    connect(send) {
      const link = new Link(send);
      links.push(link);
      const receive = (message: ToLive): void => {
        switch (message.type) {
          case 'subscribe':
            return void subscribe(link, message);
          case 'more': {
            const subscriber = link.subscribers.get(message.id);
            if (subscriber !== undefined && !subscriber.isLive) void advance(link, subscriber);
            return;
          }
          case 'unsubscribe':
            return void unsubscribe(link, message.id);
          case 'taken':
            link.untaken--;
        }
      };
      return { receive };
    },
    async stop() {
      isStopped = true;
      await following;
      await feed.close();
      await source.close();
    },
  };
}

function fieldsOf(event: LiveEvent, topics: readonly string[]): EventFields {
  const { shard, seq, atMs, userId, live } = event;
  return [shard, seq, atMs, userId, live.seenBy === 'staff', topics, event.text()];
}
