/**
 * A connection to Redis that does not reconnect: once lost it stays lost, and its user opens
 * another one. The features of ioredis that hide a loss (queueing while disconnected, resending
 * unanswered commands) are switched off, because an append that was not answered may have been
 * made, and only a look at the stream can tell.
 *
 * The URL names one server, or any node of a Redis Cluster; which of the two is asked of the
 * server.
 */
import '../../platform/fast-strings.js';
import { Cluster, Command, Redis } from 'ioredis';
import { type RedisFacts, readFacts } from './facts.js';
import { SCRIPTS } from './scripts.js';

export type Argument = string | number | Buffer;

export interface RedisConnection {
  readonly isCluster: boolean;
  readonly facts: RedisFacts;
  /**
   * The reply with its texts as Buffers. Rejects with what Redis said, or when the connection is
   * lost.
   */
  send(name: string, args: readonly Argument[]): Promise<unknown>;
  /**
   * The same command on every server that holds a part of the data: one, or the masters of a
   * cluster.
   */
  sendToAll(name: string, args: readonly Argument[]): Promise<readonly unknown[]>;
  /** Called at most once, also when the connection was closed by us. */
  onLost(listener: (error: Error) => void): void;
  close(): void;
}

export interface ConnectionOptions {
  readonly url: string;
  /** How long connecting and asking may take in all. */
  readonly openMsMax: number;
  /** How long a reply may take; 0 leaves it to the caller. */
  readonly replyMsMax: number;
  /** Shown in CLIENT LIST. */
  readonly name: string;
}

/**
 * Rejects within `openMsMax` when there is no answer, and with what the server said when it can't
 * be used.
 */
export async function openConnection(options: ConnectionOptions): Promise<RedisConnection> {
  const opened: { disconnect(): void }[] = [];
  try {
    return await within(options.openMsMax, connect(options, opened));
  } catch (error) {
    for (const client of opened) client.disconnect();
    throw error;
  }
}

/** Rejects when the work takes longer; its result is then ignored. */
export function within<T>(msMax: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from Redis within ${msMax} ms`)), msMax);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Host and port of a URL, without its user and password. */
export function placeOf(url: string): string {
  const { hostname, port } = new URL(url);
  return `${hostname === '' ? '127.0.0.1' : hostname}:${port === '' ? '6379' : port}`;
}

async function connect(options: ConnectionOptions, opened: { disconnect(): void }[]): Promise<RedisConnection> {
  const redis = new Redis(options.url, { ...settingsOf(options), retryStrategy: null, enableOfflineQueue: false });
  opened.push(redis);
  const lost = watch(redis);
  await redis.connect().catch((error: unknown) => {
    throw lost.cause ?? error;
  });
  const facts = await readFacts(redis);
  // A database number that the server does not have is such an error. The client would go on in
  // database 0.
  if (lost.cause !== null) throw lost.cause;
  if (!facts.isCluster) {
    await loadScripts(redis);
    return {
      isCluster: false,
      facts,
      send: (name, args) => redis.sendCommand(command(name, args)) as Promise<unknown>,
      sendToAll: async (name, args) => [await redis.sendCommand(command(name, args))],
      onLost: lost.listen,
      close: () => redis.disconnect(),
    };
  }
  redis.disconnect();
  return connectCluster(options, facts, opened);
}

async function connectCluster(
  options: ConnectionOptions,
  facts: RedisFacts,
  opened: { disconnect(): void }[],
): Promise<RedisConnection> {
  const { hostname, port, username, password, protocol } = new URL(options.url);
  const cluster = new Cluster([{ host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? 6379 : Number(port) }], {
    lazyConnect: true,
    clusterRetryStrategy: () => null,
    enableOfflineQueue: false,
    // A moved slot is followed; a lost node is not waited for.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    dnsLookup: (address, callback) => callback(null, address),
    redisOptions: {
      ...settingsOf(options),
      ...(username === '' ? {} : { username: decodeURIComponent(username) }),
      ...(password === '' ? {} : { password: decodeURIComponent(password) }),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
    },
  });
  opened.push(cluster);
  const lost = watch(cluster);
  await cluster.connect().catch((error: unknown) => {
    throw lost.cause ?? error;
  });
  await Promise.all(cluster.nodes('master').map(loadScripts));
  return {
    isCluster: true,
    facts,
    send: (name, args) => cluster.sendCommand(command(name, args)) as Promise<unknown>,
    sendToAll: (name, args) =>
      Promise.all(cluster.nodes('master').map((node) => node.sendCommand(command(name, args)) as Promise<unknown>)),
    onLost: lost.listen,
    close: () => cluster.disconnect(),
  };
}

function settingsOf({ openMsMax, replyMsMax, name }: ConnectionOptions) {
  return {
    lazyConnect: true,
    autoResendUnfulfilledCommands: false,
    // There is no retry, so there is nothing to count: an unanswered command fails with its
    // connection.
    maxRetriesPerRequest: 0,
    // A server that is still loading says so to the first command.
    enableReadyCheck: false,
    connectTimeout: openMsMax,
    connectionName: name,
    disableClientInfo: true,
    // Nothing here needs RESP3, and without it connecting takes one round trip less.
    protocol: 2,
    keepAlive: 10_000,
    ...(replyMsMax > 0 ? { commandTimeout: replyMsMax } : {}),
  } as const;
}

function command(name: string, args: readonly Argument[]): Command {
  // `null`: replies as Buffers.
  return new Command(name, [...args], { replyEncoding: null });
}

async function loadScripts(redis: Redis): Promise<void> {
  await Promise.all(SCRIPTS.map(({ text }) => redis.script('LOAD', text)));
}

/** Keeps the error behind a loss, which ioredis tells apart from the loss itself. */
function watch(client: Redis | Cluster) {
  const seen: { cause: Error | null } = { cause: null };
  let isLost = false;
  let tell = (_error: Error): void => {};
  const lostError = (): Error => seen.cause ?? new Error('the connection to Redis was lost');
  client.on('error', (error: Error) => {
    seen.cause = error;
  });
  client.on('end', () => {
    isLost = true;
    tell(lostError());
  });
  return {
    get cause() {
      return seen.cause;
    },
    listen(listener: (error: Error) => void): void {
      tell = listener;
      if (isLost) listener(lostError());
    },
  };
}
