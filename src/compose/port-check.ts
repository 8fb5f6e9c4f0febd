/**
 * Checks that the port is free. HTTP threads share it by SO_REUSEPORT, and so would a second
 * Clipbook that was started by mistake: connections would go to either of the two. An ordinary bind
 * detects this.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * The system gives outgoing connections theirs from above: from 32768 on Linux, from 49152 on
 * macOS.
 */
const FREE_PORT_FIRST = 20_000;
const FREE_PORT_END = 32_768;
const DRAWS_MAX = 100;

/**
 * Resolves with the port, or with a free one for 0: uWebSockets.js doesn't share a port that the
 * system chose. Rejects with one readable line when someone listens there.
 */
export async function takePort(host: string, port: number): Promise<number> {
  try {
    if (port === 0) return await freePort(host);
    await probe(host, port);
    return port;
  } catch (error) {
    throw new Error(refusal(host, port, error as NodeJS.ErrnoException));
  }
}

/** Names the variable that has to change. */
function refusal(host: string, port: number, { code = '', message }: NodeJS.ErrnoException): string {
  const where = `can not listen on ${host}:${port}`;
  switch (code) {
    case 'EADDRINUSE':
      return `PORT is ${port}: ${where}: someone listens there already`;
    case 'EACCES':
      return `PORT is ${port}: ${where}: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose another PORT`;
    case 'EADDRNOTAVAIL':
      return `HOST is ${host}: ${where}: this machine does not have that address (${code})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `HOST is ${host}: ${where}: no such host (${code})`;
    default:
      return `HOST is ${host}, PORT is ${port}: ${where}: ${message}`;
  }
}

/**
 * For a server that begins to listen a moment later. The system would choose from the ports that it
 * also gives to outgoing connections, and one of ours may get the very one in that moment. Rejects
 * with what the system said when none can be had.
 */
export async function freePort(host: string): Promise<number> {
  for (let draw = 1; ; draw++) {
    const port = randomInt(FREE_PORT_FIRST, FREE_PORT_END);
    try {
      await probe(host, port);
      return port;
    } catch (error) {
      if (draw === DRAWS_MAX) throw error;
    }
  }
}

function probe(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve()));
  });
}
