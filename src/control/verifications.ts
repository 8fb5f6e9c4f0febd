/**
 * Verifications, one at a time, and the last one's result: a thread replays the shards, and asks
 * here for the state in memory.
 */
import { randomUUID } from 'node:crypto';
import type { Worker } from 'node:worker_threads';
import type { ShardId } from '../domain/ids.js';
import type { ShardVerdict, Verification } from '../engine/engine.js';
import type { DigestPart } from '../features/digest.js';
import type { VerifierOptions } from '../followers/verifier.js';

/** From the verifying thread. */
export type FromVerifyThread =
  | { readonly type: 'digest'; readonly id: number; readonly shard: ShardId }
  | { readonly type: 'facts'; readonly id: number; readonly shard: ShardId; readonly part: DigestPart }
  | { readonly type: 'verdict'; readonly verdict: ShardVerdict }
  | { readonly type: 'done' };

/** To it: what it asked for. */
export type ToVerifyThread =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly message: string };

export interface Verifications {
  /** Begins one, unless one is under way; how far it is. */
  begin(): Verification;
  /** Null: not the last one. */
  get(id: string): Verification | null;
  close(): Promise<void>;
}

export function createVerifications({
  shardCount,
  memory,
  startThread,
}: {
  readonly shardCount: number;
  readonly memory: VerifierOptions['memory'];
  readonly startThread: () => Worker;
}): Verifications {
  let last: Verification | null = null;
  let running: Worker | null = null;

  function begin(): Verification {
    if (last?.status === 'processing') return last;
    const begun: Verification = { id: randomUUID(), status: 'processing', shardCount, verdicts: [], error: null };
    last = begun;
    const worker = startThread();
    running = worker;
    let verification = begun;
    const change = (changed: Partial<Verification>): void => {
      verification = { ...verification, ...changed };
      last = verification;
    };
    const answer = (message: ToVerifyThread): void => worker.postMessage(message);
    worker.on('message', (message: FromVerifyThread) => {
      switch (message.type) {
        case 'verdict':
          return change({ verdicts: [...verification.verdicts, message.verdict] });
        case 'done':
          return change({ status: 'completed' });
        case 'digest':
        case 'facts': {
          const { id } = message;
          const asked: Promise<unknown> =
            message.type === 'digest' ? memory.digestOf(message.shard) : memory.factsOf(message.shard, message.part);
          asked.then(
            (value) => answer({ id, ok: true, value }),
            (error: unknown) =>
              answer({ id, ok: false, message: String(error instanceof Error ? error.message : error) }),
          );
        }
      }
    });
    worker.on('error', (error) => change({ status: 'failed', error: error.message }));
    worker.on('exit', () => {
      running = null;
      if (verification.status === 'processing') change({ status: 'failed', error: 'it was broken off' });
    });
    return begun;
  }

  return {
    begin,
    get: (id) => (last?.id === id ? last : null),
    async close() {
      await running?.terminate();
    },
  };
}
