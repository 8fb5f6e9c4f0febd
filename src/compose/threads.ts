/** What each worker thread is given at its start. */
import type { MessagePort } from 'node:worker_threads';
import type { ShardId } from '../domain/ids.js';
import type { StateOptions } from '../domain/kernel.js';
import type { DirectoryKey } from '../engine/directory.js';
import type { EndedTokens } from '../engine/engine.js';
import type { Currency } from '../http/server/currency.js';
import type { IpRange } from '../http/server/ip-address.js';
import type { HttpOptions } from '../http/server/server.js';
import type { JournalLocation } from '../journal/open.js';
import type { ExitCause } from '../platform/exit-codes.js';
import type { Claim } from '../postgres/fence.js';
import type { LogLevel } from './variables.js';

/** The thread that has the state chooses the key of its tables. */
export type ThreadStateOptions = Omit<StateOptions, 'shard' | 'hashKey'>;

export interface ShardThreadData {
  readonly thread: number;
  readonly shards: readonly ShardId[];
  readonly journal: JournalLocation;
  readonly databaseUrl: string;
  /** Embedded, on this machine. */
  readonly isOwnDatabase: boolean;
  /** Shards that go on although their journal ends before the snapshot. */
  readonly acceptedLosses: readonly ShardId[];
  readonly state: ThreadStateOptions;
  readonly checkpoints: SharedArrayBuffer;
  readonly directoryKey: DirectoryKey;
  /** Of `createKeyMemory`. */
  readonly keyMemory: SharedArrayBuffer;
  /** Of the process's `ClockKeeper`. */
  readonly clock: SharedArrayBuffer;
  readonly logLevel: LogLevel;
}

/** From the main thread. */
export type ToProjector = { readonly type: 'catchUp' } | { readonly type: 'stop'; readonly withinMs: number };

/** To the main thread: the thread can't continue, so the process has to end. */
export interface FromProjector {
  readonly type: 'failed';
  readonly message: string;
  readonly cause: ExitCause;
}

export interface ProjectorThreadData {
  readonly shardCount: number;
  /** What every transaction checks. */
  readonly claim: Claim;
  readonly journal: JournalLocation;
  readonly databaseUrl: string;
  readonly checkpoints: SharedArrayBuffer;
  /** Of `createStuckShards`. */
  readonly stuck: SharedArrayBuffer;
  readonly clock: SharedArrayBuffer;
  readonly idempotencyTtlMs: number;
  readonly logLevel: LogLevel;
}

export interface LiveThreadData {
  readonly shardCount: number;
  readonly journal: JournalLocation;
  readonly databaseUrl: string;
  readonly logLevel: LogLevel;
}

export interface VerifyThreadData {
  readonly shards: readonly ShardId[];
  readonly journal: JournalLocation;
  readonly databaseUrl: string;
  readonly state: ThreadStateOptions;
  readonly clock: SharedArrayBuffer;
  readonly logLevel: LogLevel;
}

export interface HttpThreadData {
  readonly index: number;
  readonly host: string;
  readonly port: number;
  readonly shardCount: number;
  readonly threadCount: number;
  readonly mailboxMax: number;
  readonly directory: SharedArrayBuffer;
  readonly directoryKey: DirectoryKey;
  /** Answers `Control`; handed over. */
  readonly control: MessagePort;
  /** What it counts, for `renderCounters`. */
  readonly counters: SharedArrayBuffer;
  /** Of the live updates. */
  readonly live: HttpOptions['live'];
  readonly clock: SharedArrayBuffer;
  /** Of Clipbook. */
  readonly version: string;
  readonly trustedProxies: readonly IpRange[];
  readonly currency: Currency;
  readonly flash: HttpOptions['flash'];
  /** Of `Config`. */
  readonly corsOrigins: readonly string[];
  readonly jwt: {
    readonly secret: string;
    readonly issuer: string;
    readonly audience: string;
    readonly refusesSeeded: boolean;
  };
  /** Tokens that are not valid when it starts. */
  readonly endedTokens: readonly EndedTokens[];
  readonly logLevel: LogLevel;
}
