/**
 * Is the port free? HTTP threads share it by SO_REUSEPORT, and so would a second Clipbook that nobody meant to start:
 * its connections would go now to the one, now to the other. An ordinary bind sees it.
 */
import { createServer } from 'node:net';

/**
 * Resolves with the port, or with a free one for 0: uWebSockets.js doesn't share a port that the system chose. Rejects with
 * one readable line when someone listens there.
 */
export function takePort(host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'someone listens there already' : error.message;
      reject(new Error(`can not listen on ${host}:${port}: ${why}`));
    });
    probe.listen({ host, port, exclusive: true }, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : port));
    });
  });
}
