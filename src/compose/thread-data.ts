/** What each worker thread gets of the configuration, beside what the server gives it. */

import type { ShardId } from '../domain/ids.js';
import { packageVersion } from '../platform/version.js';
import { type Config, jwtSecretOf } from './config.js';
import type { HttpThreadData, ProjectorThreadData, ShardThreadData, VerifyThreadData } from './threads.js';

export function shardData(
  config: Config,
  {
    location,
    ...data
  }: Pick<
    ShardThreadData,
    'thread' | 'shards' | 'databaseUrl' | 'acceptedLosses' | 'checkpoints' | 'keyMemory' | 'clock' | 'directoryKey'
  > & {
    location: ShardThreadData['journal'];
  },
): ShardThreadData {
  const { shards: shardCount, lockTtlMs, idempotencyTtlMs, idempotencyBytesMax, shardThreads, logLevel } = config;
  const isOwnDatabase = config.databaseUrl === null;
  const bytesMax = Math.floor(idempotencyBytesMax / shardThreads);
  const state = { shardCount, lockTtlMs, idempotencyTtlMs, idempotencyBytesMax: bytesMax };
  return { ...data, isOwnDatabase, journal: location, state, logLevel };
}

export function httpData(
  config: Config,
  {
    liveCounters,
    dataSet,
    orderRate,
    ...data
  }: Pick<
    HttpThreadData,
    'index' | 'port' | 'directory' | 'control' | 'counters' | 'clock' | 'endedTokens' | 'directoryKey'
  > & {
    readonly liveCounters: SharedArrayBuffer;
    /** The same for all HTTP threads. */
    readonly orderRate: SharedArrayBuffer;
    /** Of the data that live cursors are of. */
    readonly dataSet: Uint8Array;
  },
): HttpThreadData {
  const { host, shards, shardThreads, mailboxMax, jwtIssuer, jwtAudience, logLevel } = config;
  const { trustedProxies, currency, corsOrigins } = config;
  const jwt = {
    secret: jwtSecretOf(config),
    issuer: jwtIssuer,
    audience: jwtAudience,
    refusesSeeded: config.environment === 'production',
  };
  const routing = { shardCount: shards, threadCount: shardThreads, mailboxMax };
  const { liveConnectionsMax, liveConnectionsPerCallerMax: perCallerMax, liveTopicsMax: topicsMax } = config;
  const connectionsMax = Math.ceil(liveConnectionsMax / config.httpThreads);
  const live = { counters: liveCounters, dataSet, limits: { connectionsMax, perCallerMax, topicsMax } };
  const flash = {
    isOpen: config.environment !== 'production',
    ordersPerSecond: config.ordersPerSecond,
    rate: orderRate,
  };
  const version = packageVersion();
  return { ...data, ...routing, live, host, jwt, trustedProxies, currency, flash, corsOrigins, logLevel, version };
}

export function verifyData(
  { shards: shardCount, lockTtlMs, idempotencyTtlMs, idempotencyBytesMax, logLevel }: Config,
  shards: readonly ShardId[],
  journal: VerifyThreadData['journal'],
  databaseUrl: string,
  clock: SharedArrayBuffer,
): VerifyThreadData {
  const state = { shardCount, lockTtlMs, idempotencyTtlMs, idempotencyBytesMax };
  return { shards, journal, databaseUrl, clock, state, logLevel };
}

export function projectorData(
  { shards: shardCount, idempotencyTtlMs, logLevel }: Config,
  {
    location: journal,
    ...data
  }: Pick<ProjectorThreadData, 'claim' | 'databaseUrl' | 'checkpoints' | 'stuck' | 'clock'> & {
    location: ProjectorThreadData['journal'];
  },
): ProjectorThreadData {
  return { ...data, shardCount, journal, idempotencyTtlMs, logLevel };
}
