/**
 * A port that nobody has, for a server that begins to listen on it a moment later.
 *
 * The system chooses from the ports that it also gives to outgoing connections, and a connection of ours may get the very one in that
 * moment. So it is drawn from below them: Linux begins at 32768, macOS and the IANA at 49152.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const FIRST = 20_000;
const END = 32_768;
const DRAWS_MAX = 100;

/** Rejects with what the system said when no port of many can be had on this host. */
export async function freePort(host: string): Promise<number> {
  for (let draw = 1; ; draw++) {
    const port = randomInt(FIRST, END);
    try {
      await probe(host, port);
      return port;
    } catch (error) {
      if (draw === DRAWS_MAX) throw error;
    }
  }
}

/** Rejects when the port can't be listened on. An ordinary bind also sees who shares it by SO_REUSEPORT. */
export function probe(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
