/**
 * What runs in a shard thread: an actor, its ports to the HTTP threads, and its line to the main
 * thread.
 */
import { randomFillSync } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { asSeq, type ShardId } from '../domain/ids.js';
import type { Random } from '../domain/random.js';
import type { CodeHashes } from '../engine/directory.js';
import type { Message } from '../engine/message.js';
import { readRequests } from '../engine/messages.generated.js';
import type { ActorReply } from '../engine/requests.js';
import { ReplyWriter } from '../engine/wire.js';
import type { DigestPart, DigestReport } from '../features/digest.js';
import type { Fact } from '../features/facts.js';
import type { Refill } from '../feed/batches.js';
import type { Journal } from '../journal/journal.js';
import { type ExitCause, ProcessEnd } from '../platform/exit-codes.js';
import type { SnapshotLoader } from '../postgres/store.js';
import { type Actor, type ActorOptions, type ActorStatus, createActor } from './actor.js';

/** From the main thread. */
export type ToShardThread =
  | { readonly type: 'connect'; readonly from: number; readonly port: MessagePort }
  | { readonly type: 'published'; readonly id: number }
  /** To `refill`. `cause`: the process has to end; absent where it may be tried again. */
  | {
      readonly type: 'refilled';
      readonly id: number;
      readonly failure: { readonly message: string; readonly cause?: ExitCause } | null;
    }
  | { readonly type: 'inspect'; readonly id: number }
  | { readonly type: 'digest'; readonly id: number; readonly shard: ShardId }
  | { readonly type: 'facts'; readonly id: number; readonly shard: ShardId; readonly part: DigestPart }
  /** The process was replaced: acknowledge nothing more. */
  | { readonly type: 'yield'; readonly reason: string }
  | { readonly type: 'stop' };

/** To the main thread. */
export type FromShardThread =
  | { readonly type: 'status'; readonly status: ActorStatus }
  | { readonly type: 'publish'; readonly id: number; readonly shard: ShardId; readonly hashes: CodeHashes }
  | { readonly type: 'inspected'; readonly id: number; readonly shards: ReturnType<Actor['inspect']> }
  /** To `digest` and `facts`. */
  | { readonly type: 'told'; readonly id: number; readonly value: DigestReport | readonly Fact[] }
  | { readonly type: 'notTold'; readonly id: number; readonly message: string }
  /** PostgreSQL lacks batches: they are to be made again. */
  | { readonly type: 'refill'; readonly id: number; readonly refill: Refill }
  /** The shards can't be recovered. */
  | { readonly type: 'failed'; readonly message: string; readonly cause: ExitCause }
  | { readonly type: 'stopped' };

interface ShardThreadOptions {
  readonly main: MessagePort;
  readonly shards: readonly ShardId[];
  readonly journal: Journal;
  readonly loader: SnapshotLoader;
  readonly state: ActorOptions['state'];
  readonly clock: ActorOptions['clock'];
  readonly directoryKey: ActorOptions['directoryKey'];
  readonly collect: ActorOptions['collect'];
  readonly acceptedLosses: NonNullable<ActorOptions['acceptedLosses']>;
  readonly log: ActorOptions['log'];
  /** The projector's checkpoints by shard, shared by all threads. */
  readonly checkpoint: (shard: ShardId) => number;
  /** Called once a second with the memory use of idempotency keys. */
  readonly reportKeys: (bytes: number, refused: number) => void;
}

const TRIM_EVERY_MS = 1000;
const FORGET_EVERY_MS = 1000;

export async function runShardThread(options: ShardThreadOptions): Promise<void> {
  const { main } = options;
  const ports = new Map<number, MessagePort>();
  const toMain = (message: FromShardThread, transfer: ArrayBuffer[] = []): void => main.postMessage(message, transfer);
  const publishing = createPublishing(toMain);
  const refilling = createRefilling(toMain);

  const actor = createActor({
    ...options,
    random: systemRandom(),
    publishCodes: publishing.publish,
    refill: refilling.refill,
    send: (replies) => sendReplies(ports, replies),
    defer: setImmediate,
    after: (delayMs, work) => setTimeout(work, delayMs).unref(),
    onStatus: (status) => toMain({ type: 'status', status }),
    onEnd: ({ message, exitCause: cause }) => toMain({ type: 'failed', message, cause }),
  });
  const trimTimer = setInterval(() => actor.trim((shard) => asSeq(options.checkpoint(shard))), TRIM_EVERY_MS).unref();

  // Keys expire even if their shard gets no more requests; until they are forgotten they take room
  // from new ones.
  const forgetTimer = setInterval(() => {
    actor.keys.forgetEnded();
    const { bytes, refused } = actor.keys.takeReport();
    options.reportKeys(bytes, refused);
  }, FORGET_EVERY_MS).unref();

  main.on('message', (message: ToShardThread) => {
    switch (message.type) {
      case 'connect': {
        const { from, port } = message;
        ports.set(from, port);
        port.on('message', (requests: Message) => actor.deliver(readRequests(requests, from)));
        return;
      }
      case 'published':
        return publishing.published(message.id);
      case 'refilled':
        return refilling.refilled(message);
      case 'inspect':
        return toMain({ type: 'inspected', id: message.id, shards: actor.inspect() });
      case 'digest':
        return void tell(message.id, () => actor.digestOf(message.shard));
      case 'facts':
        return void tell(message.id, async () => actor.factsOf(message.shard, message.part));
      case 'yield':
        return actor.yield(message.reason);
      case 'stop':
        clearInterval(trimTimer);
        clearInterval(forgetTimer);
        void stop();
    }
  });

  async function tell(id: number, ask: () => Promise<DigestReport | readonly Fact[]>): Promise<void> {
    try {
      toMain({ type: 'told', id, value: await ask() });
    } catch (error) {
      toMain({ type: 'notTold', id, message: error instanceof Error ? error.message : String(error) });
    }
  }

  async function stop(): Promise<void> {
    await actor.stop();
    await options.journal.close();
    await options.loader.close();
    for (const port of ports.values()) port.close();
    toMain({ type: 'stopped' });
    main.close();
  }

  await actor.start();
}

function sendReplies(ports: ReadonlyMap<number, MessagePort>, replies: readonly ActorReply[]): void {
  const outgoing = new Map<number, ReplyWriter>();
  for (const reply of replies) {
    let writer = outgoing.get(reply.to);
    if (writer === undefined) {
      writer = new ReplyWriter();
      outgoing.set(reply.to, writer);
    }
    writer.write(reply);
  }
  for (const [to, { message }] of outgoing) ports.get(to)?.postMessage(message);
}

/** Hashes on their way to the directory, and the waiters for them. */
function createPublishing(toMain: (message: FromShardThread, transfer: ArrayBuffer[]) => void) {
  const waiting = new Map<number, () => void>();
  let nextId = 1;
  return {
    publish: (shard: ShardId, hashes: CodeHashes): Promise<void> =>
      new Promise((resolve) => {
        const id = nextId++;
        waiting.set(id, resolve);
        toMain({ type: 'publish', id, shard, hashes }, [hashes.buffer]);
      }),
    published(id: number): void {
      waiting.get(id)?.();
      waiting.delete(id);
    },
  };
}

/** Recoveries that wait for their batches. */
function createRefilling(toMain: (message: FromShardThread) => void) {
  const waiting = new Map<number, (failure: Error | null) => void>();
  let nextId = 1;
  return {
    refill: (refill: Refill): Promise<void> =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        waiting.set(id, (failure) => (failure === null ? resolve() : reject(failure)));
        toMain({ type: 'refill', id, refill });
      }),
    refilled({ id, failure }: Extract<ToShardThread, { type: 'refilled' }>): void {
      const { message, cause } = failure ?? {};
      const error =
        message === undefined ? null : cause === undefined ? new Error(message) : new ProcessEnd(cause, message);
      waiting.get(id)?.(error);
      waiting.delete(id);
    },
  };
}

const RANDOM_WORDS = 4096;

/** The system's CSPRNG, 16 KiB at a time: a call for each draw would cost more than the draw. */
export function systemRandom(): Random {
  const words = new Uint32Array(RANDOM_WORDS);
  let at = RANDOM_WORDS;
  return {
    uint32() {
      if (at === RANDOM_WORDS) {
        randomFillSync(words);
        at = 0;
      }
      // In bounds: `at` is below RANDOM_WORDS here.
      return words[at++] as number;
    },
    peek: (callsBefore) => words[at + callsBefore],
  };
}
