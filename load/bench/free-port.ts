import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * For programs that can't take any free port and say which one it is. Below the ports that outgoing
 * connections get meanwhile.
 */
export async function freePort(): Promise<number> {
  for (let draw = 1; ; draw++) {
    const port = randomInt(20_000, 32_768);
    try {
      const server = createServer().listen(port, '127.0.0.1');
      await once(server, 'listening');
      server.close();
      await once(server, 'close');
      return port;
    } catch (error) {
      if (draw === 100) throw error;
    }
  }
}
