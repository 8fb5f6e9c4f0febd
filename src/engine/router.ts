/**
 * The router: an HTTP thread's `Engine`. It knows which shard a book or a code belongs to, which
 * thread has the shard, and which request waits for which reply.
 *
 * Requests of one event-loop turn go to a shard thread as one message, or as several of
 * `MESSAGE_REQUESTS`: under load a turn of the HTTP thread is milliseconds long, and the shard, and
 * the disk behind it, would wait for all of it. Callers would then become synchronized, and each
 * core would be idle while the other works. Messages of 32 avoid that: 13 % more requests a second
 * at 256 connections on two cores. A thread that has `mailboxMax` requests under way gets no more:
 * the caller is refused at once, which costs less than an answer that comes too late.
 *
 * The newest command always waits for the next command or for the end of the turn. Until then its
 * caller can withdraw it: an HTTP parser that finds garbage behind a request closes the connection
 * while that request is still in this thread.
 */
import type { MessagePort } from 'node:worker_threads';
import { uuidv7 } from 'uuidv7';
import type { Command } from '../domain/command.js';
import {
  asBookId,
  asShardId,
  type BookId,
  DEFAULT_CAMPAIGN,
  nameOfProduct,
  type ShardId,
  shardOfId,
} from '../domain/ids.js';
import type { RefusalReason } from '../domain/outcome.js';
import type { PriceRequest } from '../records/objects.js';
import { hashText } from '../tables/text.js';
import { createDirectoryReader, type DirectoryKey } from './directory.js';
import type { CommandReply, Engine, QueryReply, Unavailable } from './engine.js';
import type { Asked, Message } from './message.js';
import { readReplies } from './messages.generated.js';
import { createPending } from './pending.js';
import { RequestWriter } from './wire.js';

const MESSAGE_REQUESTS = 32;
const SEED_SCOPE = 0x05c_09e5;
const SEED_UNKNOWN = 0x0dd_c0de;

type AnyReply = (reply: CommandReply & QueryReply) => void;

interface Waiting extends Asked {
  readonly thread: number;
}

interface ThreadLink {
  port: MessagePort | null;
  readonly outgoing: RequestWriter;
  underWay: number;
}

interface RouterOptions {
  readonly shardCount: number;
  readonly threadCount: number;
  readonly directory: SharedArrayBuffer;
  readonly directoryKey: DirectoryKey;
  /** Requests under way per shard thread at most. */
  readonly mailboxMax: number;
}

interface Router extends Engine {
  /**
   * Another incarnation of a shard thread. Unanswered requests of the last one are answered as
   * unknown.
   */
  connect(thread: number, port: MessagePort): void;
  disconnect(thread: number): void;
  replaceDirectory(table: SharedArrayBuffer): void;
  /** Requests that wait for a reply. */
  underWay(): number;
}

/** Shards are dealt out to threads in turn. */
export const threadOfShard = (shard: ShardId, threadCount: number): number => shard % threadCount;

export function createRouter({ shardCount, threadCount, directory, directoryKey, mailboxMax }: RouterOptions): Router {
  const codes = createDirectoryReader(directoryKey, directory);
  const links: ThreadLink[] = Array.from({ length: threadCount }, () => ({
    port: null,
    outgoing: new RequestWriter(),
    underWay: 0,
  }));
  const pending = createPending<Waiting>();
  /** Commands whose code may be in several shards, until the first of them is asked. */
  const toTry = new Set<(reply: CommandReply) => void>();
  let flushAsked = false;
  let hotBook: BookId | null = null;
  let hotShard = asShardId(0);

  function linkOf(shard: ShardId): ThreadLink {
    // In bounds: a shard number modulo the number of links.
    return links[threadOfShard(shard, threadCount)] as ThreadLink;
  }

  /** The id of an accepted request, or why not. */
  function accept(shard: ShardId, command: Command | null, reply: AnyReply): number | Unavailable {
    const link = linkOf(shard);
    if (link.port === null) return { kind: 'unavailable', reason: 'recovering', retryAfterMs: 1000 };
    if (link.underWay >= mailboxMax) return { kind: 'unavailable', reason: 'overloaded', retryAfterMs: 1000 };
    link.underWay++;
    const id = pending.add({ thread: threadOfShard(shard, threadCount), command, reply });
    if (!flushAsked) {
      flushAsked = true;
      setImmediate(flush);
    }
    return id;
  }

  function flush(): void {
    flushAsked = false;
    for (const link of links) if (link.outgoing.count > 0) post(link);
  }

  function post(link: ThreadLink): void {
    link.port?.postMessage(link.outgoing.take());
  }

  /** Called before a request is written, so that the newest one always waits. */
  function makeRoom(link: ThreadLink): void {
    if (link.outgoing.count >= MESSAGE_REQUESTS) post(link);
  }

  function takeAsked(id: number): Asked | undefined {
    const waiter = pending.take(id);
    if (waiter !== undefined) (links[waiter.thread] as ThreadLink).underWay--;
    return waiter;
  }

  function disconnect(thread: number): void {
    const link = links[thread];
    if (link === undefined) throw new Error(`there is no shard thread ${thread}`);
    link.port?.close();
    link.port = null;
    link.outgoing.clear();
    link.underWay = 0;
    for (const waiter of pending.takeAll((waiter) => waiter.thread === thread)) {
      const reason = waiter.command !== null ? 'outcomeUnknown' : 'recovering';
      waiter.reply({ kind: 'unavailable', reason, retryAfterMs: 1000 });
    }
  }

  /** Callers come in runs for one book, and comparing its id is cheaper than hashing it. */
  function shardOfHotBook(bookId: BookId): ShardId {
    if (bookId === hotBook) return hotShard;
    hotShard = shardOfBook(bookId, shardCount);
    hotBook = bookId;
    return hotShard;
  }

  function command(
    asked: Command,
    origin: Parameters<Engine['command']>[1],
    reply: (reply: CommandReply) => void,
  ): void {
    if ('bookId' in asked) {
      sendCommand(shardOfHotBook(asked.bookId), asked, origin, reply);
      return;
    }
    const code = 'code' in asked ? asked.code : codeOf(asked);
    if (typeof code !== 'string') {
      sendCommand(code.shard, asked, origin, reply);
      return;
    }
    const shards = codes.find(code);
    const [only] = shards;
    if (only === undefined) sendCommand(shardOfUnknown(code), asked, origin, reply);
    else if (shards.length === 1) sendCommand(only, asked, origin, reply);
    else tryLater(shards, asked, origin, reply);
  }

  /** A question about a command goes where the command would go. */
  function queryLike(
    asked: Command,
    reply: (reply: QueryReply) => void,
    send: (shard: ShardId, done: (reply: QueryReply) => void) => void,
  ): void {
    const by =
      'bookId' in asked ? { shard: shardOfHotBook(asked.bookId) } : 'code' in asked ? asked.code : codeOf(asked);
    sendTo(by, reply, send);
  }

  function sendTo(
    by: string | { readonly shard: ShardId },
    reply: (reply: QueryReply) => void,
    send: (shard: ShardId, done: (reply: QueryReply) => void) => void,
  ): void {
    if (typeof by === 'string') tryShards(by, reply, send);
    else send(by.shard, reply);
  }

  /** What others are routed by: the code or the product that they name, or else their shard. */
  function codeOf(asked: Exclude<Command, { readonly bookId: BookId } | { readonly code: string }>) {
    if (asked.kind === 'initStock') return { shard: asShardId(asked.home) };
    if ('productId' in asked) return nameOfProduct(asked.productId);
    if ('promotionCode' in asked) return asked.promotionCode;
    if ('request' in asked) return codeOfRequest(asked.request);
    return { shard: shardOfId('campaign' in asked ? asked.campaign : asked.id, shardCount) };
  }

  /** Its first code that is known: the others are decided where that is. */
  function codeOfRequest({ codes: named, campaignId }: PriceRequest): string | { readonly shard: ShardId } {
    if (campaignId !== null) return { shard: shardOfId(campaignId, shardCount) };
    const known = named.find((code) => codes.find(code).length > 0);
    return known ?? named[0] ?? { shard: shardOfId(DEFAULT_CAMPAIGN, shardCount) };
  }

  /** Not yet, because `withdraw` could not find the replies of the single shards. */
  function tryLater(
    shards: readonly ShardId[],
    asked: Command,
    origin: Parameters<Engine['command']>[1],
    reply: (reply: CommandReply) => void,
  ): void {
    toTry.add(reply);
    setImmediate(() => {
      if (toTry.delete(reply)) tryNext(shards, 0, reply, (shard, done) => sendCommand(shard, asked, origin, done));
    });
  }

  function sendCommand(
    shard: ShardId,
    asked: Command,
    { caller, requestId, idempotency }: Parameters<Engine['command']>[1],
    reply: (reply: CommandReply) => void,
  ): void {
    const id = accept(shard, asked, reply as AnyReply);
    if (typeof id !== 'number') {
      queueMicrotask(() => reply(id));
      return;
    }
    const key = idempotency?.key ?? null;
    const link = linkOf(shard);
    makeRoom(link);
    link.outgoing.command(id, shard, asked, caller, requestId, key, idempotency?.fingerprint ?? 0);
  }

  function withdraw(reply: (reply: CommandReply) => void): boolean {
    if (toTry.delete(reply)) return true;
    for (const { outgoing } of links) {
      const id = outgoing.withdraw((id) => pending.get(id)?.reply === reply);
      if (id === null) continue;
      takeAsked(id);
      return true;
    }
    return false;
  }

  function query(asked: Parameters<Engine['query']>[0], of: ShardId | null, reply: (reply: QueryReply) => void): void {
    const send = (shard: ShardId, done: (reply: QueryReply) => void): void => {
      const id = accept(shard, null, done as AnyReply);
      if (typeof id !== 'number') {
        queueMicrotask(() => done(id));
        return;
      }
      const link = linkOf(shard);
      makeRoom(link);
      link.outgoing.query(id, shard, asked);
    };
    if (of !== null) send(of, reply);
    else if (asked.kind === 'dryRun') queryLike(asked.command, reply, send);
    else if (asked.kind === 'getCode') tryShards(asked.code, reply, send);
    else if (asked.kind === 'getStock' || asked.kind === 'listOrders')
      tryShards(nameOfProduct(asked.productId), reply, send);
    else if ('request' in asked && asked.kind !== 'qualify') sendTo(codeOfRequest(asked.request), reply, send);
    else if ('id' in asked) send(shardOfId(asked.id, shardCount), reply);
    else if ('campaign' in asked) send(shardOfId(asked.campaign, shardCount), reply);
    else if ('bookId' in asked && asked.bookId !== null) send(shardOfBook(asked.bookId, shardCount), reply);
    else throw new Error(`a ${asked.kind} has to name its shard`);
  }

  /**
   * An unknown code is routed like an existing one. If it were refused here, its answer would be
   * faster than that for another user's code, and callers could tell the two apart by time.
   */
  function shardOfUnknown(code: string): ShardId {
    return shardOf(code, SEED_UNKNOWN, shardCount);
  }

  /**
   * Asks the shards that may have the code, one after the other, until one has it. Mostly there is
   * one; any, where there is none.
   */
  function tryShards(
    code: string,
    reply: (reply: QueryReply) => void,
    send: (shard: ShardId, done: (reply: QueryReply) => void) => void,
  ): void {
    const shards = codes.find(code);
    const [only] = shards;
    if (only === undefined) send(shardOfUnknown(code), reply);
    else if (shards.length === 1) send(only, reply);
    else tryNext(shards, 0, reply, send);
  }

  function tryNext<Reply extends CommandReply | QueryReply>(
    shards: readonly ShardId[],
    at: number,
    reply: (reply: Reply) => void,
    send: (shard: ShardId, done: (reply: Reply) => void) => void,
  ): void {
    const shard = shards[at];
    if (shard === undefined) {
      reply(codeNotFound as Reply);
      return;
    }
    send(shard, (got) => {
      const isElsewhere = got.kind === 'refused' && NOT_HERE.has(got.reason) && at + 1 < shards.length;
      if (isElsewhere) tryNext(shards, at + 1, reply, send);
      else reply(got);
    });
  }

  function newBookId(scope: string | null): BookId {
    return asBookId(scope === null ? uuidv7() : newIdIn(shardOf(scope, SEED_SCOPE, shardCount)));
  }

  function newIdIn(shard: ShardId): string {
    for (;;) {
      const id = uuidv7();
      if (shardOfId(id, shardCount) === shard) return id;
    }
  }

  return {
    shardCount,
    shardOfBook: (bookId) => shardOfBook(bookId, shardCount),
    newBookId,
    newIdBeside: (id) => newIdIn(shardOfId(id, shardCount)),
    shardsOf: (code) => codes.find(code),
    command,
    withdraw,
    query,
    isFull: () => links.every(({ underWay }) => underWay >= mailboxMax),
    connect(thread, port) {
      disconnect(thread);
      const link = links[thread] as ThreadLink;
      link.port = port;
      port.on('message', (message: Message) => {
        // Ids are reused, so replies of a thread that was given up are ignored.
        if (link.port === port) readReplies(message, takeAsked);
      });
    },
    disconnect,
    replaceDirectory: codes.replace,
    underWay: () => pending.count,
  };
}

/** Another shard may have the code. */
const NOT_HERE: ReadonlySet<RefusalReason> = new Set(['codeNotFound', 'promotionNotFound', 'productNotFound']);

const codeNotFound: CommandReply & QueryReply = {
  kind: 'refused',
  reason: 'codeNotFound',
  detail: 'There is no such code for this user.',
};

/** Must never change: books stay in the shard that this chooses. */
export const shardOfBook: (bookId: BookId, shardCount: number) => ShardId = shardOfId;

function shardOf(text: string, seed: number, shardCount: number): ShardId {
  return asShardId(hashText(text, seed) % shardCount);
}
