/**
 * One live connection, whatever carries it: its topics, its position, and the requests of its
 * client, one after the other.
 *
 *     paused ─▶ catching up ─▶ live ─▶ (a request changes the topics) ─▶ paused ─▶ …
 *
 * A live connection has the position of its thread. While it is paused it has one of its own, and
 * catches up from there, so that no event is missing or repeated around a change of its topics.
 */
import type { Seq, ShardId } from '../../domain/ids.js';
import type { EventFields, FromLive, Interest, Positions, ResumeSource } from '../../engine/live.js';
import type { HttpLog } from '../server/log.js';
import type { Cursors } from './cursor.js';
import {
  CLOSE,
  EXPIRED,
  errorMessage,
  eventMessage,
  snapshotMessage,
  subscribedMessage,
  unsubscribedMessage,
} from './messages.js';
import { type SnapshotSources, takeSnapshot } from './snapshot.js';
import { maySeeEvent, parseTopic, type Topic, type Viewer, type Watch, watchOf } from './topics.js';

/** What carries the messages. */
export interface Transport {
  /**
   * `cursor`: the position after the message; '' if earlier ones are not valid any more, null if
   * the position stays. False: the client is too far behind, and the message was not sent.
   */
  send(text: string, cursor: string | null): boolean;
  /** Bytes that are not sent yet. */
  backlog(): number;
  /** Sends what the thread publishes under this name. Null where it can't. */
  readonly follow: ((name: string) => void) | null;
  unfollow(name: string): void;
  /** Called twice a second. */
  tick(nowMs: number): void;
  close(code: number, reason: string): void;
}

export interface Account extends Viewer {
  readonly generation: number;
  /** When the token ends, Unix ms. */
  readonly endsMs: number;
}

/** What a connection uses of its HTTP thread. */
export interface LiveThread extends SnapshotSources {
  readonly cursors: Cursors;
  readonly log: HttpLog;
  readonly limits: { readonly topicsMax: number };
  /** All events of the shard through this sequence were sent to live connections. */
  positionOf(shard: ShardId): Seq;
  /**
   * Null: any shard can have events of the topic. A code can be added to any book, also later.
   */
  shardOf(topic: Topic): ShardId | null;
  /** Its chunks go to `client.onChunk`. Returns the number of the subscriber. */
  subscribe(options: SubscribeOptions, client: LiveClient): number;
  more(id: number): void;
  unsubscribe(id: number): void;
  /** The connection is live. `followed`: the published name that it gets everything by. */
  join(client: LiveClient, followed: string | null): void;
  leave(client: LiveClient, followed: string | null): void;
  /**
   * The name under which everything of a connection with this one topic is published. Null: its
   * events differ from those of others.
   */
  publishedName(watch: Watch): string | null;
  countSent(count: number): void;
  countCut(): void;
  countResume(source: ResumeSource): void;
  forget(client: LiveClient): void;
}

export interface SubscribeOptions {
  readonly interests: readonly Interest[];
  readonly shards: readonly ShardId[];
  /** What it has of them; a shard that is not named starts at the present. */
  readonly since: Positions;
  /** Where it stops, without becoming live; null: it becomes live. */
  readonly through: Positions | null;
}

export interface SubscribeRequest {
  readonly topics: readonly string[];
  readonly since: string | null;
  readonly snapshot: boolean;
}

/** From this backlog on, the client is asked to read before it gets more of what it missed. */
const CATCH_UP_BACKLOG_MAX = 64 * 1024;
const REQUESTS_WAITING_MAX = 16;

type CaughtUp = 'done' | 'expired' | 'unavailable' | 'restarted' | 'closed';

export class LiveClient {
  readonly watches = new Map<string, Watch>();
  isClosed = false;
  /** Null: live. */
  #positions: Map<ShardId, Seq> | null = new Map();
  #shards: readonly ShardId[] = [];
  /** Of the shards: equal for connections whose cursors are equal. */
  #shardsKey = '';
  /**
   * The name under which the thread publishes all that it gets; null: it is sent event by event.
   */
  #followed: string | null = null;
  #subscriberId: number | null = null;
  #onCaughtUp: (result: CaughtUp) => void = () => {};
  #isMoreWanted = false;
  #requests: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(
    private readonly live: LiveThread,
    private readonly transport: Transport,
    public account: Account,
  ) {}

  get isLive(): boolean {
    return this.#positions === null;
  }

  get shardsKey(): string {
    return this.#shardsKey;
  }

  cursor(): string {
    const positions = this.#positions;
    return this.live.cursors.encode(this.#shards, (shard) =>
      positions === null ? this.live.positionOf(shard) : (positions.get(shard) ?? 0),
    );
  }

  // -- requests of the client ---------------------------------------------------------------------

  /** Resolves when it is answered. False: too many wait. */
  request(work: () => Promise<void>): boolean {
    if (this.#waiting >= REQUESTS_WAITING_MAX) return false;
    this.#waiting++;
    this.#requests = this.#requests.then(async () => {
      try {
        if (!this.isClosed) await work();
      } catch (error) {
        this.live.log.error({ err: error }, 'a live request failed');
        this.send(errorMessage('unavailable', 'This can not be done right now.'), null);
      } finally {
        this.#waiting--;
      }
    });
    return true;
  }

  async subscribe({ topics: names, since, snapshot }: SubscribeRequest): Promise<void> {
    const topics = this.#parse(names);
    if (topics === null) return;
    const start = since === null ? new Map<ShardId, Seq>() : this.#readCursor(since, snapshot);
    if (start === null) return;
    const { topicsMax } = this.live.limits;
    if (new Set([...this.watches.keys(), ...topics.map(({ name }) => name)]).size > topicsMax)
      return this.send(errorMessage('too-many-topics', `A connection may have ${topicsMax} topics at most.`), null);
    // Two texts may name the same topic.
    const named = new Map(topics.map((topic) => [topic.name, topic]));
    const watches = [...named.values()].map((topic) => this.watches.get(topic.name) ?? this.#resolve(topic));
    const positions = this.#pause();
    for (const [shard, seq] of start) positions.set(shard, seq);
    this.#setShards([...this.watches.values(), ...watches]);
    const lacking = this.#shards.filter((shard) => !positions.has(shard));
    // Where the shards are that the cursor does not have.
    if (!(await this.#caughtUp([], lacking, new Map()))) return;
    for (const shard of positions.keys()) if (!this.#shards.includes(shard)) positions.delete(shard);
    this.#answer(subscribedMessage, topics);
    if (snapshot) {
      for (const watch of watches) if (!(await this.#addWithSnapshot(watch))) return;
    } else for (const watch of watches) this.watches.set(watch.topic.name, watch);
    await this.#becomeLive();
  }

  async unsubscribe(names: readonly string[]): Promise<void> {
    const topics = this.#parse(names);
    if (topics === null) return;
    const positions = this.#pause();
    for (const { name } of topics) this.watches.delete(name);
    this.#setShards([...this.watches.values()]);
    for (const shard of positions.keys()) if (!this.#shards.includes(shard)) positions.delete(shard);
    this.#answer(unsubscribedMessage, topics);
    await this.#becomeLive();
  }

  #answer(message: (topics: readonly string[], cursor: string) => string, topics: readonly Topic[]): void {
    const cursor = this.cursor();
    const names = topics.map(({ name }) => name);
    this.send(message(names, cursor), cursor);
  }

  #parse(names: readonly string[]): Topic[] | null {
    const topics: Topic[] = [];
    for (const name of new Set(names)) {
      const topic = parseTopic(name);
      if (topic === null) {
        this.send(errorMessage('invalid-topic', `${JSON.stringify(name)} is not a topic.`), null);
        return null;
      }
      topics.push(topic);
    }
    return topics;
  }

  /** Null: refused. */
  #readCursor(text: string, snapshot: boolean): Map<ShardId, Seq> | null {
    const refuse = (message: string): null => {
      this.send(message, null);
      return null;
    };
    if (snapshot)
      return refuse(errorMessage('since-and-snapshot', '"since" and "snapshot" can not be given together.'));
    if (this.watches.size > 0)
      return refuse(errorMessage('since-too-late', '"since" belongs to the first topics of a connection.'));
    const decoded = this.live.cursors.decode(text);
    if (decoded === null) return refuse(errorMessage('bad-cursor', 'This is not a cursor.'));
    const { shards } = this.live;
    if (decoded.kind === 'positions' && [...decoded.positions.keys()].every((shard) => shards.includes(shard)))
      return new Map(decoded.positions);
    this.#expire();
    return null;
  }

  #resolve(topic: Topic): Watch {
    return watchOf(topic, this.account, this.live.shardOf(topic), this.live.shards);
  }

  /** Adds a topic, so that the snapshot comes before all of its events. */
  async #addWithSnapshot(watch: Watch): Promise<boolean> {
    const snapshot = await takeSnapshot(this.live, watch, this.account);
    if (this.isClosed) return false;
    if (snapshot === 'unavailable') {
      this.#giveUp('The state can not be read right now.');
      return false;
    }
    if (snapshot !== null) {
      // The other topics get what came before it.
      if (!(await this.#caughtUp(this.#interests(), this.#shards, snapshot.positions))) return false;
      this.send(snapshotMessage(watch.topic.name, this.cursor(), snapshot.data), this.cursor());
    }
    this.watches.set(watch.topic.name, watch);
    return true;
  }

  // -- position -----------------------------------------------------------------------------------

  #setShards(watches: readonly Watch[]): void {
    this.#shards = [...new Set(watches.flatMap(({ shards }) => shards))].sort((a, b) => a - b);
    this.#shardsKey = this.#shards.join();
  }

  #interests(): Interest[] {
    return [...this.watches.values()].flatMap(({ interests }) => interests);
  }

  /** Stops the live events. Its position is its own from now on. */
  #pause(): Map<ShardId, Seq> {
    if (this.#positions !== null) return this.#positions;
    const positions = new Map(this.#shards.map((shard) => [shard, this.live.positionOf(shard)]));
    this.#leave();
    this.#positions = positions;
    return positions;
  }

  #leave(): void {
    if (this.#positions === null) this.live.leave(this, this.#followed);
    if (this.#followed !== null) this.transport.unfollow(this.#followed);
    this.#followed = null;
    if (this.#subscriberId !== null) this.live.unsubscribe(this.#subscriberId);
    this.#subscriberId = null;
  }

  async #becomeLive(): Promise<void> {
    await this.#caughtUp(this.#interests(), this.#shards, null);
  }

  /**
   * Sends what the connection missed of these interests: through these sequences, or (null) until
   * it is live. False: it did not get there, which the client was told.
   */
  async #caughtUp(
    interests: readonly Interest[],
    shards: readonly ShardId[],
    through: Positions | null,
  ): Promise<boolean> {
    if (through !== null && shards.length === 0) return true;
    for (;;) {
      const since = this.#positions ?? new Map<ShardId, Seq>();
      const result = await new Promise<CaughtUp>((resolve) => {
        this.#onCaughtUp = resolve;
        this.#subscriberId = this.live.subscribe({ interests, shards, since, through }, this);
      });
      switch (result) {
        case 'done':
          return true;
        case 'restarted':
          // Its position says how far it came.
          continue;
        case 'expired':
          this.#expire();
          return false;
        case 'unavailable':
          this.#giveUp('What was missed can not be read right now.');
          return false;
        case 'closed':
          return false;
      }
    }
  }

  /** The client is to connect again, and to go on from its last cursor. */
  #giveUp(detail: string): void {
    this.send(errorMessage('unavailable', detail), null);
    this.close(CLOSE.tryAgainLater, detail);
  }

  /** It has no topics any more, and its cursors are worth nothing. */
  #expire(): void {
    this.#pause();
    this.watches.clear();
    this.#shards = [];
    this.#shardsKey = '';
    this.#positions = new Map();
    this.send(EXPIRED, '');
  }

  /** Of the live thread, while this catches up. */
  onChunk(message: Extract<FromLive, { type: 'chunk' | 'expired' | 'unavailable' }>): void {
    if (this.isClosed) return;
    if (message.type !== 'chunk') {
      this.#subscriberId = null;
      return void this.#onCaughtUp(message.type);
    }
    const positions = this.#positions ?? new Map<ShardId, Seq>();
    for (const event of message.events) {
      const [shard, seq] = event;
      positions.set(shard, seq);
      this.#sendMissed(event);
      if (this.isClosed) return;
    }
    for (const [shard, seq] of message.positions) positions.set(shard, seq);
    if (message.source !== null && message.events.length > 0) this.live.countResume(message.source);
    switch (message.progress) {
      case 'partial':
        this.#isMoreWanted = true;
        return void this.onWritable();
      case 'reached':
        this.#subscriberId = null;
        break;
      case 'live':
        this.#positions = null;
        this.#join();
    }
    this.#onCaughtUp('done');
  }

  #join(): void {
    const [watch] = this.watches.values();
    if (this.watches.size === 1 && watch !== undefined && this.transport.follow !== null) {
      this.#followed = this.live.publishedName(watch);
      if (this.#followed !== null) this.transport.follow(this.#followed);
    }
    this.live.join(this, this.#followed);
  }

  /** The client has read. */
  onWritable(): void {
    if (!this.#isMoreWanted || this.#subscriberId === null || this.transport.backlog() > CATCH_UP_BACKLOG_MAX) return;
    this.#isMoreWanted = false;
    this.live.more(this.#subscriberId);
  }

  /** The live thread was replaced: what it knew of this connection is gone. */
  restart(): void {
    if (this.isLive) {
      this.#subscriberId = null;
      this.#pause();
      this.request(() => this.#becomeLive());
    } else if (this.#subscriberId !== null) {
      this.#subscriberId = null;
      this.#onCaughtUp('restarted');
    }
  }

  // -- sending ------------------------------------------------------------------------------------

  #sendMissed([, , , userId, isForStaff, topics, text]: EventFields): void {
    if (!maySeeEvent(this.account, userId, isForStaff)) return;
    const cursor = this.cursor();
    this.live.countSent(1);
    this.send(eventMessage(topics, cursor, text), cursor);
  }

  send(text: string, cursor: string | null): void {
    if (this.isClosed || this.transport.send(text, cursor)) return;
    this.cut();
  }

  /** The client does not read. */
  cut(): void {
    if (this.isClosed) return;
    this.live.countCut();
    this.close(CLOSE.lagged, 'lagged');
  }

  tick(nowMs: number): void {
    this.transport.tick(nowMs);
  }

  close(code: number, reason: string): void {
    if (this.isClosed) return;
    this.ended();
    this.transport.close(code, reason);
  }

  /** The connection is gone. */
  ended(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#leave();
    this.#onCaughtUp('closed');
    this.live.forget(this);
  }
}
