/**
 * What a Redis says of itself that decides how much a journal on it is worth, as one line for the
 * operator, and which servers are refused.
 *
 * INFO is always allowed. CONFIG is often forbidden on managed servers; then `appendfsync` is
 * unknown, and the line says so.
 */
import type { Redis } from 'ioredis';

export interface RedisFacts {
  readonly version: string;
  readonly isCluster: boolean;
  readonly role: 'master' | 'replica';
  readonly isAof: boolean;
  /** `null`: the server does not tell. */
  readonly appendfsync: 'always' | 'everysec' | 'no' | null;
  readonly maxmemoryBytes: number;
  readonly maxmemoryPolicy: string;
  readonly replicas: number;
  /** Replicas without which the server takes no writes. */
  readonly minReplicas: number;
  /** How far its clock is ahead of ours, give or take half of `roundTripMs`. */
  readonly clockAheadMs: number;
  readonly roundTripMs: number;
}

/** A server that a journal must not be kept on. The message is for the operator. */
export class RedisUnfit extends Error {
  override readonly name = 'RedisUnfit';
}

/** Scripts say what they may do without memory, and streams are trimmed by id. */
const VERSION_MAJOR_MIN = 7;

export async function readFacts(redis: Redis): Promise<RedisFacts> {
  const config = await readConfig(redis);
  const askedMs = Date.now();
  const beganMs = performance.now();
  const info = await redis.info();
  const roundTripMs = performance.now() - beganMs;
  const fields = infoFields(info);
  const field = (name: string): string => fields.get(name) ?? '';
  const appendfsync = config?.get('appendfsync');
  return {
    version: field('redis_version'),
    isCluster: field('cluster_enabled') === '1',
    role: field('role') === 'master' ? 'master' : 'replica',
    isAof: field('aof_enabled') === '1',
    appendfsync: appendfsync === 'always' || appendfsync === 'everysec' || appendfsync === 'no' ? appendfsync : null,
    maxmemoryBytes: Number(field('maxmemory')),
    maxmemoryPolicy: field('maxmemory_policy'),
    replicas: Number(field('connected_slaves')),
    minReplicas: Number(config?.get('min-replicas-to-write') ?? 0),
    clockAheadMs: Number(field('server_time_usec')) / 1000 - (askedMs + roundTripMs / 2),
    roundTripMs,
  };
}

/** The lines `name:value` of INFO. */
export function infoFields(info: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

/**
 * Throws `RedisUnfit` for a server that could drop entries, or can't do what is needed.
 * `volatile-*` policies pass: they evict only keys that expire, and ours don't, so for a journal
 * they are `noeviction`.
 */
export function assertFit(facts: RedisFacts, waitReplicas: number): void {
  const { version, maxmemoryPolicy: policy } = facts;
  if (!(Number.parseInt(version, 10) >= VERSION_MAJOR_MIN)) {
    throw new RedisUnfit(`Redis ${version} is too old for the journal: it needs ${VERSION_MAJOR_MIN}.0 or later`);
  }
  if (policy !== 'noeviction' && !policy.startsWith('volatile-')) {
    throw new RedisUnfit(
      `Redis may drop the journal: maxmemory-policy is ${policy === '' ? 'unknown' : policy}; set it to noeviction`,
    );
  }
  if (facts.role !== 'master') throw new RedisUnfit('this Redis is a replica: the journal needs its master');
  if (waitReplicas > 0 && facts.isCluster) {
    throw new RedisUnfit('waiting for replicas is not possible on a Redis Cluster: use its min-replicas-to-write');
  }
}

/** What an answered operation survives, in one line. */
export function describeDurability(facts: RedisFacts, waitReplicas: number): string {
  return `Redis ${facts.version}${facts.isCluster ? ' Cluster' : ''}: ${onDisk(facts)}; ${onReplicas(facts, waitReplicas)}`;
}

function onDisk({ isAof, appendfsync }: RedisFacts): string {
  if (!isAof) return 'no AOF, so what was answered since the last snapshot is lost when Redis ends';
  switch (appendfsync) {
    case 'always':
      return 'appendfsync always, so every answered operation survives a power cut of Redis';
    case 'everysec':
      return 'appendfsync everysec, so up to a second of answered operations may be lost on a power cut of Redis';
    case 'no':
      return 'appendfsync no, so what the kernel had not written yet is lost on a power cut of Redis, often 30 seconds';
    case null:
      return 'AOF, but CONFIG is not allowed here, so it is unknown how much may be lost on a power cut of Redis';
  }
}

function onReplicas({ isCluster, replicas, minReplicas }: RedisFacts, waitReplicas: number): string {
  const wait =
    waitReplicas > 0
      ? `each operation waits for ${waitReplicas} of them before its answer, which makes that rarer`
      : '';
  const min = minReplicas > 0 ? `no writes with fewer than ${minReplicas} replicas` : '';
  if (replicas === 0 && !isCluster) return ['no replicas', min, wait].filter((part) => part !== '').join(', ');
  const count = isCluster ? 'replicas' : `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}`;
  return [`${count}, a failover to which may lose the last answered operations`, min, wait]
    .filter((part) => part !== '')
    .join('; ');
}

async function readConfig(redis: Redis): Promise<Map<string, string> | null> {
  try {
    const flat = (await redis.call('CONFIG', 'GET', 'appendfsync', 'min-replicas-to-write')) as string[];
    const settings = new Map<string, string>();
    for (let n = 0; n + 1 < flat.length; n += 2) settings.set(flat[n] ?? '', flat[n + 1] ?? '');
    return settings;
  } catch (error) {
    // NOPERM, or "unknown command" where the command was renamed away. Anything else is not about
    // CONFIG.
    if (error instanceof Error && /^(NOPERM|ERR unknown|ERR Unknown)/.test(error.message)) return null;
    throw error;
  }
}
