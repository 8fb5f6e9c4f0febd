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
import type { LiveEvent } from './live-event.js';
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
  const waiting = new Set<Subscriber>();
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
    let isFailing = false;
    while (!isStopped && isNeeded()) {
      try {
        const isBehind = await step();
        isFailing = false;
        if (!isBehind) await sleep(LOOK_MS);
      } catch (error) {
        if (!isFailing) log.error({ err: error }, 'live updates can not be read, and are tried again');
        isFailing = true;
        await sleep(RETRY_MS);
      }
    }
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
      const from = positionOf(shard);
      if (feed.durableSeq(shard) <= from) continue;
      const batch = await readNext(shard, from);
      if (batch === null) continue;
      isBehind = true;
      const events = ring.add(batch);
      positions.set(shard, batch.lastSeq);
      for (const link of links) if (link.interests.concerns(shard)) collect(link, shard, batch.lastSeq, events());
    }
    for (const link of links) flush(link);
    for (const subscriber of [...waiting]) {
      waiting.delete(subscriber);
      advance(subscriber);
    }
    return isBehind;
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
      if (link.interests.countsBook(event.bookId)) link.changedBooks.add(event.bookId);
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
    linkOf.set(subscriber, link);
    advance(subscriber);
  }

  const linkOf = new WeakMap<Subscriber, Link>();

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
  function advance(subscriber: Subscriber): void {
    const link = linkOf.get(subscriber);
    if (link === undefined || subscriber.hasEnded || subscriber.isReading) return;
    const older = takeFromRing(subscriber);
    if (older === null) return;
    subscriber.isReading = true;
    source.read(older.shard, older.from, older.through, subscriber.filter).then(
      ({ batch, name }) => {
        subscriber.isReading = false;
        if (subscriber.hasEnded) return;
        subscriber.note(name);
        subscriber.take(older.shard, batch.read(), batch.lastSeq);
        if (subscriber.isFull) sendChunk(link, subscriber, false);
        else advance(subscriber);
      },
      (error: unknown) => {
        if (subscriber.hasEnded) return;
        log.warn({ err: error, shard: older.shard }, 'what a live client missed can not be read');
        unsubscribe(link, subscriber.id);
        link.send({ type: 'unavailable', id: subscriber.id });
      },
    );
  }

  /**
   * Takes what the ring has, synchronously, so that a subscriber that reaches the end of it is live
   * at exactly this position. Returns what has to be read from elsewhere first.
   */
  function takeFromRing(
    subscriber: Subscriber,
  ): { readonly shard: ShardId; readonly from: Seq; readonly through: Seq } | null {
    const link = linkOf.get(subscriber);
    if (link === undefined) return null;
    let isAhead = false;
    for (const [shard, start] of subscriber.positions) {
      const position = positionOf(shard);
      const end = asSeq(Math.min(position, subscriber.through?.get(shard) ?? position));
      if (subscriber.endOf(shard, position) > position) isAhead = true;
      for (let from = start; from < end; ) {
        if (subscriber.isFull) {
          sendChunk(link, subscriber, false);
          return null;
        }
        if (!ring.reaches(shard, from)) return { shard, from, through: end };
        const next = ring.next(shard, from);
        if (next === null) throw new Error(`the ring lacks events of shard ${shard} after ${from}`);
        subscriber.note('ring');
        from = asSeq(Math.min(next.lastSeq, end));
        subscriber.take(shard, next.events, from);
      }
    }
    if (isAhead) {
      waiting.add(subscriber);
      return null;
    }
    if (subscriber.through === null) {
      // What was collected for others came before, so it is sent before.
      if (link.events.length > 0) sendEvents(link, false, performance.now());
      link.interests.add(subscriber.interests);
      subscriber.isLive = true;
      sendChunk(link, subscriber, true);
    } else {
      sendChunk(link, subscriber, true);
      unsubscribe(link, subscriber.id);
    }
    return null;
  }

  function sendChunk(link: Link, subscriber: Subscriber, isLast: boolean): void {
    const { events, source: name } = subscriber.takeCollected();
    const fields = events.map(({ event, topics }) => fieldsOf(event, topics));
    const reached = new Map(subscriber.positions);
    link.send({ type: 'chunk', id: subscriber.id, events: fields, positions: reached, isLast, source: name });
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
            if (subscriber !== undefined && !subscriber.isLive) advance(subscriber);
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
