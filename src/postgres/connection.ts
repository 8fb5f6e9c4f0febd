/**
 * Connections that may break. A PostgreSQL that stops or is restarted makes the calls under way
 * reject, and the next call connects anew; between calls a broken connection is only noted.
 */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import pg from 'pg';
import { createBorrowedBufferSocket } from '../platform/borrowed-buffer-socket.js';
import { lowerPriority } from '../platform/bulk-priority.js';
import { isOn } from '../platform/work-arounds.js';
import { beginFenced, type Fence, fenceClient } from './fence.js';
import { CommitUnknown } from './store.js';

const CONNECT_MS_MAX = 5_000;

/** A connected client whose loss while it is unused is not an unhandled 'error' event. */
export async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'clipbook',
    connectionTimeoutMillis: CONNECT_MS_MAX,
    keepAlive: true,
    stream: createSocket as () => Duplex,
  });
  client.on('error', () => undefined);
  await client.connect();
  await commitDurably(client);
  return client;
}

/**
 * The journal is trimmed after a commit of PostgreSQL, and names staged rows after their commit. So
 * a commit waits until it is on disk, and on the standbys that the server names, whatever the
 * server's default is. A stricter setting is kept.
 */
export async function commitDurably(client: Pick<pg.ClientBase, 'query'>): Promise<void> {
  await client.query(
    `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') <> 'remote_apply'`,
  );
}

/** pg hands its settings to this, which its types don't tell. TLS reads from the socket itself. */
const createSocket = ({ ssl }: { readonly ssl?: unknown } = {}): Duplex =>
  (ssl === undefined || ssl === false) && isOn('borrowed-buffers') ? createBorrowedBufferSocket() : new Socket();

/**
 * When cores are busy, a batch can wait and callers can't. The backend of a PostgreSQL of ours is a
 * process on this machine, and gets a lower priority, where the system lets us; of another one, the
 * number would be that of some other process here.
 */
export async function lowerBackendPriority(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const pid = rows[0]?.pid;
  if (pid !== undefined) await lowerPriority(pid);
}

/**
 * A connection for long statements. It has a lower priority where PostgreSQL is ours, and notices
 * within a second when it is given up.
 */
export async function connectForBulk(url: string, isOwn: boolean, fence?: Fence): Promise<pg.Client> {
  const client = await connect(url);
  fenceClient(client, fence);
  if (isOwn) await lowerBackendPriority(client);
  await client.query("SET client_connection_check_interval = '1s'");
  return client;
}

/**
 * One connection, made when it is first needed, used by one caller at a time, replaced when it
 * breaks.
 */
export interface Link {
  /**
   * Runs `work` with the connection. When `work` rejects, the connection is given up: its state is
   * not known.
   */
  use<T>(work: (client: pg.Client) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/**
 * `prepare` is run on each new connection. The claim of a `fence` is checked by each transaction.
 */
export function createLink(url: string, prepare: (client: pg.Client) => Promise<unknown>, fence?: Fence): Link {
  let current: pg.Client | null = null;
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;

  async function open(): Promise<pg.Client> {
    if (closed) throw new Error('the connection was closed');
    if (current !== null) return current;
    const client = await connect(url);
    fenceClient(client, fence);
    client.on('end', () => {
      if (current === client) current = null;
    });
    try {
      await prepare(client);
    } catch (error) {
      giveUp(client);
      throw error;
    }
    current = client;
    return client;
  }

  async function run<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = await open();
    try {
      return await work(client);
    } catch (error) {
      current = null;
      giveUp(client);
      throw error;
    }
  }

  return {
    use(work) {
      const result = last.then(() => run(work));
      last = result.catch(() => undefined);
      return result;
    },
    async close() {
      closed = true;
      await last;
      await current?.end();
    },
  };
}

/**
 * Closes a connection that nobody waits for any more; what it was doing is rolled back by the
 * server.
 */
export function giveUp(client: pg.Client): void {
  // A connection in the middle of a COPY can't be closed cleanly.
  client.connection.stream.destroy();
}

/** Closes an idle connection. */
export async function endQuietly(client: pg.Client): Promise<void> {
  try {
    await client.end();
  } catch {
    giveUp(client);
  }
}

/** Rejects when the connection ends first: a COPY that is under way then may never say so. */
export function orLost<T>(client: pg.Client, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onEnd = (): void => reject(new Error('the connection to PostgreSQL was lost'));
    client.once('end', onEnd);
    void work.then(resolve, reject).finally(() => client.off('end', onEnd));
  });
}

/**
 * Runs `work` in a transaction on `client`, and rolls it back when `keeps` says so of the result.
 * On an error the caller gives the connection up, which rolls back.
 */
export async function transactionIf<T>(
  client: pg.Client,
  keeps: (result: T) => boolean,
  work: () => Promise<T>,
): Promise<T> {
  await beginFenced(client, 'BEGIN');
  const result = await work();
  if (!keeps(result)) await client.query('ROLLBACK');
  else {
    await client.query('COMMIT').catch((error: unknown) => {
      throw new CommitUnknown('PostgreSQL was lost during a commit', { cause: error });
    });
  }
  return result;
}

/**
 * Runs `work` in a transaction on `client`. On an error the caller gives the connection up, which
 * rolls back.
 */
export async function transaction<T>(client: pg.Client, begin: string, work: () => Promise<T>): Promise<T> {
  await beginFenced(client, begin);
  const result = await work();
  await client.query('COMMIT');
  return result;
}
