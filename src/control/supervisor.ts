/**
 * The main thread's view of the others: starts shard threads and HTTP threads, connects each shard
 * thread with each HTTP thread by a message port, keeps the directory, and replaces a shard thread
 * that died. HTTP threads continue meanwhile: requests for its shards get 503.
 */
import { MessageChannel, type MessagePort, type Worker } from 'node:worker_threads';
import { asShardId, nameOfProduct, type ShardId } from '../domain/ids.js';
import { createDirectory, type DirectoryKey } from '../engine/directory.js';
import { ControlError, type EndedTokens, type Engine } from '../engine/engine.js';
import { createRouter, threadOfShard } from '../engine/router.js';
import type { DigestPart, DigestReport } from '../features/digest.js';
import type { Fact } from '../features/facts.js';
import type { Refill } from '../feed/batches.js';
import { type ExitCause, ProcessEnd } from '../platform/exit-codes.js';
import type { ActorStatus } from '../shard/actor.js';
import type { FromShardThread, ToShardThread } from '../shard/shard-thread.js';

/** To an HTTP thread. */
export type ToHttpThread =
  | { readonly type: 'connect'; readonly thread: number; readonly port: MessagePort }
  | { readonly type: 'disconnect'; readonly thread: number }
  | { readonly type: 'directory'; readonly id: number; readonly table: SharedArrayBuffer }
  /** To the live thread: the first one, or another one that took its place. */
  | { readonly type: 'live'; readonly port: MessagePort }
  /** All tokens that are not valid any more. */
  | { readonly type: 'endTokens'; readonly ended: readonly EndedTokens[] }
  /** Stop accepting, finish what was accepted, say `drained`. */
  | { readonly type: 'drain' }
  /** Close everything as it is, say `drained`. */
  | { readonly type: 'close' };

/** From an HTTP thread. */
export type FromHttpThread =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'directoryTaken'; readonly id: number }
  | { readonly type: 'drained' }
  | { readonly type: 'failed'; readonly message: string };

interface SupervisorOptions {
  readonly shardCount: number;
  readonly threadCount: number;
  readonly startShardThread: (thread: number, shards: readonly ShardId[]) => Worker;
  readonly directoryKey: DirectoryKey;
  /** All shard threads serve: at the start, and each time that one came back. */
  readonly onShardsServe: () => void;
  /** Makes batches again that PostgreSQL lacks. */
  readonly refill: (refill: Refill) => Promise<void>;
  readonly startHttpThread: (index: number, port: number, directory: SharedArrayBuffer) => Worker;
  readonly log: {
    info(fields: object, message: string): void;
    warn(fields: object, message: string): void;
    error(fields: object, message: string): void;
  };
  /** A failure that restarting a thread can't repair. */
  readonly onFatal: (message: string, cause: ExitCause) => void;
}

export type Inspection = Extract<FromShardThread, { type: 'inspected' }>['shards'];

export interface Supervisor {
  /** Resolves with the port, when all HTTP threads listen. */
  startHttp(count: number, port: number): Promise<number>;
  /** Resolves when all shards serve. Rejects when one can't be recovered. */
  startShards(): Promise<void>;
  statuses(): readonly ActorStatus[];
  /** Hands each HTTP thread its port to the live thread. */
  connectLive(portOf: () => MessagePort): void;
  /** Tells every HTTP thread which tokens are not valid any more. */
  endTokens(ended: readonly EndedTokens[]): void;
  /** For commands of the main thread's own. */
  readonly engine: Engine;
  readonly codeCount: number;
  /** False when no shard has a code like this one. */
  mayHaveCode(code: string): boolean;
  /** As those of `Control`. */
  homeOfProduct(productId: string, shard: ShardId): Promise<ShardId>;
  settleProduct(productId: string, isThere: boolean): Promise<void>;
  inspect(): Promise<Inspection>;
  /**
   * Ends a shard thread at once, as a crash would. Resolves when it has ended; it is restarted and
   * recovers.
   */
  killShardThread(thread: number): Promise<void>;
  /** Of the moment when the shard gets to it. Rejects when its thread does not serve. */
  digestOf(shard: ShardId): Promise<DigestReport>;
  /** As they are when the shard gets to it. */
  factsOf(shard: ShardId, part: DigestPart): Promise<readonly Fact[]>;
  /**
   * The process was replaced: no shard acknowledges anything more, and callers who wait are told
   * so. Resolves when they are, or after `YIELD_MS_MAX`.
   */
  yieldShards(reason: string): Promise<void>;
  /** In the order of the flow: no new requests, then the shards' last commits. */
  drain(): Promise<void>;
  /** Ends every thread as it is. */
  close(): Promise<void>;
  /**
   * Closes the sockets of all HTTP threads as they are, so that the process may exit at once: Node
   * aborts when a thread ends with handles of uWebSockets.js open. A thread that is still loading
   * answers when it has loaded.
   */
  closeHttpNow(): Promise<void>;
}

/** How shard threads name the main thread, among the HTTP threads that ask them. */
const MAIN_THREAD = -1;
const MAIN_MAILBOX_MAX = 1024;
const RESTART_DELAY_MS = 100;
/**
 * If a thread dies so often in a row before it serves, another restart won't help.
 */
const RESTARTS_MAX = 5;
/**
 * How long a shard thread may take to stop. Its actor gives up sooner; only a disk that hangs takes
 * longer.
 */
const STOP_MS_MAX = 10_000;
/** How long the last answers of a process that was replaced may take. */
const YIELD_MS_MAX = 500;

interface Asked {
  readonly thread: number;
  resolve(value: unknown): void;
  reject(error: Error): void;
}

interface ShardThread {
  worker: Worker;
  status: ActorStatus;
  failures: number;
  ended: boolean;
}

export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { shardCount, threadCount, log } = options;
  const shardThreads: ShardThread[] = [];
  const httpThreads: Worker[] = [];
  /** HTTP threads that listen: only they have something to drain, and answer. */
  const listening = new Set<Worker>();
  const runningHttp = (): Worker[] => [...listening];
  const acks = createAcks();
  const inspections = new Map<number, (shards: Inspection) => void>();
  const asked = new Map<number, Asked>();
  let nextInspection = 1;
  let draining = false;
  /** The directory has all names that the shards had at the start. */
  let haveServed = false;
  /** Products whose stock is being made, and how many requests do so. */
  const homes = new Map<string, { readonly shard: ShardId; asked: number }>();
  let refilling: Promise<void> = Promise.resolve();
  const endProcess = ({ message, exitCause }: ProcessEnd): void => options.onFatal(message, exitCause);
  /**
   * Called when shards can't be recovered. During the start, the caller of `startShards` is told.
   */
  let onEnd: (end: ProcessEnd) => void = endProcess;

  const directory = createDirectory(options.directoryKey, async (table) => {
    router.replaceDirectory(table);
    await Promise.all(
      httpThreads.map((worker) => {
        const { id, taken } = acks.expect();
        tell(worker, { type: 'directory', id, table });
        return taken;
      }),
    );
  });

  const router = createRouter({
    shardCount,
    threadCount,
    directory: directory.table,
    directoryKey: options.directoryKey,
    mailboxMax: MAIN_MAILBOX_MAX,
  });

  // ─── Shard threads ─────────────────────────────────────────────────────────────────────────────────────────

  async function startShards(): Promise<void> {
    const ended = new Promise<never>((_, reject) => {
      onEnd = reject;
    });
    const starting: Promise<void>[] = [];
    for (let thread = 0; thread < threadCount; thread++) starting.push(startShardThread(thread, 0));
    await Promise.race([ended, Promise.all(starting)]);
    onEnd = endProcess;
  }

  /** Resolves when it serves. */
  function startShardThread(thread: number, failures: number): Promise<void> {
    const shards = Array.from({ length: shardCount }, (_, index) => asShardId(index)).filter(
      (shard) => threadOfShard(shard, threadCount) === thread,
    );
    const worker = options.startShardThread(thread, shards);
    const entry: ShardThread = { worker, status: 'recovering', failures, ended: false };
    shardThreads[thread] = entry;
    for (const [index, http] of httpThreads.entries()) join(thread, worker, index, http);
    const { port1, port2 } = new MessageChannel();
    worker.postMessage({ type: 'connect', from: MAIN_THREAD, port: port1 } satisfies ToShardThread, [port1]);
    router.connect(thread, port2);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromShardThread) => {
        onShardMessage(entry, message);
        if (message.type === 'status' && message.status === 'serving') resolve();
        if (message.type === 'status' && message.status === 'stopped' && draining)
          reject(new Error(`shard thread ${thread} stopped`));
      });
      worker.on('error', (error) => log.error({ err: error, thread }, 'a shard thread failed'));
      worker.on('exit', () => {
        reject(new Error(`shard thread ${thread} ended before it served`));
        onShardExit(thread, entry);
      });
    });
  }

  function onShardMessage(entry: ShardThread, message: FromShardThread): void {
    switch (message.type) {
      case 'status':
        entry.status = message.status;
        if (message.status === 'serving') entry.failures = 0;
        if (shardThreads.every(({ status }) => status === 'serving')) {
          haveServed = true;
          options.onShardsServe();
        }
        return;
      case 'publish':
        void directory.add(message.shard, message.hashes).then(() => {
          entry.worker.postMessage({ type: 'published', id: message.id } satisfies ToShardThread);
        });
        return;
      case 'refill':
        void refillFor(entry.worker, message.id, message.refill);
        return;
      case 'inspected':
        inspections.get(message.id)?.(message.shards);
        inspections.delete(message.id);
        return;
      case 'told':
        asked.get(message.id)?.resolve(message.value);
        asked.delete(message.id);
        return;
      case 'notTold':
        asked.get(message.id)?.reject(new Error(message.message));
        asked.delete(message.id);
        return;
      case 'failed':
        if (!draining) onEnd(new ProcessEnd(message.cause, message.message));
        return;
      case 'stopped':
        entry.ended = true;
    }
  }

  /** One after the other: two threads may lack batches of one pattern. */
  async function refillFor(worker: Worker, id: number, refill: Refill): Promise<void> {
    const mine = refilling.then(() => options.refill(refill));
    refilling = mine.catch(() => undefined);
    const failure = await mine.then(
      () => null,
      (error: unknown) => failureOf(error),
    );
    worker.postMessage({ type: 'refilled', id, failure } satisfies ToShardThread);
  }

  function onShardExit(thread: number, entry: ShardThread): void {
    for (const http of httpThreads) tell(http, { type: 'disconnect', thread });
    router.disconnect(thread);
    entry.status = 'stopped';
    for (const [id, question] of asked) {
      if (question.thread !== thread) continue;
      question.reject(new Error(`shard thread ${thread} ended`));
      asked.delete(id);
    }
    if (draining || entry.ended) return;
    const failures = entry.failures + 1;
    if (failures > RESTARTS_MAX) {
      options.onFatal(`shard thread ${thread} died ${failures} times in a row`, 'failed');
      return;
    }
    log.warn({ thread }, 'a shard thread ended; it is started again and recovers');
    entry.status = 'recovering';
    setTimeout(
      () => {
        startShardThread(thread, failures).catch((error: unknown) =>
          log.error({ err: error, thread }, 'a shard thread could not be restarted'),
        );
      },
      (failures - 1) * RESTART_DELAY_MS,
    );
  }

  // ─── HTTP threads ──────────────────────────────────────────────────────────────────────────────────────────

  async function startHttp(count: number, port: number): Promise<number> {
    // The first one may pick the port that all listen on.
    let chosen = port;
    for (let index = 0; index < count; index++) chosen = await startHttpThread(index, chosen);
    return chosen;
  }

  function startHttpThread(index: number, port: number): Promise<number> {
    const worker = options.startHttpThread(index, port, directory.table);
    httpThreads[index] = worker;
    for (const [thread, { worker: shardWorker }] of shardThreads.entries()) join(thread, shardWorker, index, worker);
    return new Promise((resolve, reject) => {
      worker.on('message', (message: FromHttpThread) => {
        if (message.type === 'listening') {
          listening.add(worker);
          resolve(message.port);
        }
        if (message.type === 'directoryTaken') acks.taken(message.id);
        if (message.type === 'failed') reject(new Error(message.message));
      });
      worker.on('error', (error) => log.error({ err: error, index }, 'an HTTP thread failed'));
      worker.on('exit', () => {
        listening.delete(worker);
        reject(new Error('an HTTP thread ended before it listened'));
        if (!draining) options.onFatal(`HTTP thread ${index} ended`, 'failed');
      });
    });
  }

  function join(thread: number, shardWorker: Worker, index: number, httpWorker: Worker): void {
    const { port1, port2 } = new MessageChannel();
    shardWorker.postMessage({ type: 'connect', from: index, port: port1 } satisfies ToShardThread, [port1]);
    httpWorker.postMessage({ type: 'connect', thread, port: port2 } satisfies ToHttpThread, [port2]);
  }

  // ─── All ───────────────────────────────────────────────────────────────────────────────────────────────────

  async function inspect(): Promise<Inspection> {
    const parts = await Promise.all(
      shardThreads.map(
        ({ worker }) =>
          new Promise<Inspection>((resolve) => {
            const id = nextInspection++;
            inspections.set(id, resolve);
            worker.postMessage({ type: 'inspect', id } satisfies ToShardThread);
          }),
      ),
    );
    return parts.flat().sort((a, b) => a.shard - b.shard);
  }

  function ask(shard: ShardId, message: (id: number) => ToShardThread): Promise<unknown> {
    const thread = threadOfShard(shard, threadCount);
    const entry = shardThreads[thread];
    if (entry?.status !== 'serving') return Promise.reject(new Error(`shard ${shard} does not serve`));
    return new Promise((resolve, reject) => {
      const id = nextInspection++;
      asked.set(id, { thread, resolve, reject });
      entry.worker.postMessage(message(id));
    });
  }

  async function stopShardThread({ worker, ended, status }: ShardThread, thread: number): Promise<void> {
    if (ended || status === 'stopped') return;
    let timer: NodeJS.Timeout | undefined;
    const stopped = new Promise<true>((resolve) => worker.once('exit', () => resolve(true)));
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, STOP_MS_MAX, false);
    });
    worker.postMessage({ type: 'stop' } satisfies ToShardThread);
    if (!(await Promise.race([stopped, late]))) {
      log.error(
        { thread },
        'a shard thread does not stop; it is ended. What it had accepted is in the journal or was not done',
      );
      await worker.terminate();
    }
    clearTimeout(timer);
  }

  async function drain(): Promise<void> {
    draining = true;
    await Promise.all(runningHttp().map((worker) => until(worker, 'drained', { type: 'drain' })));
    await Promise.all(shardThreads.map(stopShardThread));
    await Promise.all(httpThreads.map((worker) => worker.terminate()));
  }

  return {
    startHttp,
    startShards,
    engine: router,
    statuses: () => shardThreads.map(({ status }) => status),
    connectLive(portOf) {
      for (const worker of httpThreads) {
        const port = portOf();
        worker.postMessage({ type: 'live', port } satisfies ToHttpThread, [port]);
      }
    },
    endTokens(ended) {
      for (const worker of httpThreads) tell(worker, { type: 'endTokens', ended });
    },
    get codeCount() {
      return directory.count;
    },
    mayHaveCode: directory.mayHave,
    async homeOfProduct(productId, shard) {
      if (!haveServed) throw new ControlError('unavailable', 'The shards are being recovered.');
      const known = directory.homeOf(nameOfProduct(productId));
      const home = homes.get(productId) ?? { shard: known ?? shard, asked: 0 };
      home.asked++;
      homes.set(productId, home);
      return home.shard;
    },
    async settleProduct(productId, isThere) {
      const home = homes.get(productId);
      if (home === undefined) throw new Error(`nobody asked for the home of product ${productId}`);
      if (isThere) await directory.claim(nameOfProduct(productId), home.shard);
      home.asked--;
      if (home.asked === 0) homes.delete(productId);
    },
    inspect,
    // The shard thread answers each question with what it is about.
    digestOf: (shard) => ask(shard, (id) => ({ type: 'digest', id, shard })) as Promise<DigestReport>,
    factsOf: (shard, part) => ask(shard, (id) => ({ type: 'facts', id, shard, part })) as Promise<readonly Fact[]>,
    async killShardThread(thread) {
      await shardThreads[thread]?.worker.terminate();
    },
    async yieldShards(reason) {
      draining = true;
      for (const { worker } of shardThreads) worker.postMessage({ type: 'yield', reason } satisfies ToShardThread);
      const drained = Promise.all(runningHttp().map((worker) => until(worker, 'drained', { type: 'drain' })));
      await Promise.race([drained, new Promise((resolve) => setTimeout(resolve, YIELD_MS_MAX))]);
    },
    drain,
    async closeHttpNow() {
      draining = true;
      const running = httpThreads.filter(({ threadId }) => threadId !== -1);
      await Promise.all(running.map((worker) => until(worker, 'drained', { type: 'close' })));
    },
    async close() {
      draining = true;
      // As `closeHttpNow` says.
      await Promise.all(runningHttp().map((worker) => until(worker, 'drained', { type: 'drain' })));
      await Promise.all(
        [...httpThreads, ...shardThreads.map(({ worker }) => worker)].map((worker) => worker.terminate()),
      );
    },
  };
}

function failureOf(error: unknown): Extract<ToShardThread, { type: 'refilled' }>['failure'] {
  if (error instanceof ProcessEnd) return { message: error.message, cause: error.exitCause };
  return { message: error instanceof Error ? error.message : String(error) };
}

function tell(worker: Worker, message: ToHttpThread): void {
  worker.postMessage(message);
}

function until(worker: Worker, type: FromHttpThread['type'], message: ToHttpThread): Promise<void> {
  return new Promise((resolve) => {
    worker.on('message', (answer: FromHttpThread) => {
      if (answer.type === type) resolve();
    });
    worker.once('exit', () => resolve());
    tell(worker, message);
  });
}

function createAcks() {
  const waiting = new Map<number, () => void>();
  let nextId = 1;
  return {
    expect(): { id: number; taken: Promise<void> } {
      const id = nextId++;
      return { id, taken: new Promise((resolve) => waiting.set(id, resolve)) };
    },
    taken(id: number): void {
      waiting.get(id)?.();
      waiting.delete(id);
    },
  };
}
