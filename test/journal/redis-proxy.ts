/** A TCP proxy in front of a Redis, which cuts, holds and turns away, as networks do. */
import { connect, createServer, type Socket } from 'node:net';

export interface RedisProxy {
  readonly url: string;
  /**
   * Cuts every connection that is open after so many more bytes of replies on it, in the middle of
   * whatever that is.
   */
  cutAfterReplyBytes(bytes: number): void;
  /**
   * From now on, what clients send is kept, although the connection to Redis stays open when a
   * client leaves. Calling what this returns delivers all of it, as a network does that was slow.
   */
  holdRequests(): () => void;
  /** Ends the client's side of all connections; what is held stays to be delivered. */
  cutClients(): void;
  /** New connections go to another port from now on; those that are open are cut. */
  retarget(port: number): void;
  close(): Promise<void>;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  replyBytesLeft: number;
}

export async function startProxy(targetPort: number): Promise<RedisProxy> {
  let target = targetPort;
  let held: { socket: Socket; bytes: Buffer }[] | null = null;
  const pairs = new Set<Pair>();

  const proxy = createServer((client) => {
    const server = connect(target, '127.0.0.1');
    const pair: Pair = { client, server, replyBytesLeft: Number.POSITIVE_INFINITY };
    pairs.add(pair);
    client.on('data', (bytes) => {
      if (held === null) server.write(bytes);
      else held.push({ socket: server, bytes });
    });
    server.on('data', (bytes) => {
      const passed = bytes.subarray(0, Math.min(bytes.length, pair.replyBytesLeft));
      pair.replyBytesLeft -= passed.length;
      client.write(passed);
      if (pair.replyBytesLeft <= 0) cut(pair);
    });
    client.on('close', () => {
      if (held === null || held.every(({ socket }) => socket !== server)) cut(pair);
    });
    server.on('close', () => cut(pair));
    client.on('error', () => undefined);
    server.on('error', () => undefined);
  });

  function cut(pair: Pair): void {
    pairs.delete(pair);
    // What was passed on before still arrives.
    pair.client.end();
    pair.client.destroySoon();
    pair.server.destroy();
  }

  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    cutAfterReplyBytes(bytes) {
      for (const pair of pairs) pair.replyBytesLeft = bytes;
    },
    holdRequests() {
      const kept: { socket: Socket; bytes: Buffer }[] = [];
      held = kept;
      return () => {
        if (held === kept) held = null;
        for (const { socket, bytes } of kept) socket.write(bytes);
      };
    },
    cutClients() {
      for (const { client } of pairs) client.destroy();
    },
    retarget(port) {
      target = port;
      for (const pair of pairs) cut(pair);
    },
    async close() {
      for (const pair of pairs) cut(pair);
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
