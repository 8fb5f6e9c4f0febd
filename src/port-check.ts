/**
 * Is the port free? HTTP threads share it by SO_REUSEPORT, and so would a second Clipbook that nobody meant to start:
 * its connections would go now to the one, now to the other. An ordinary bind sees it.
 */
import { freePort, probe } from './postgres/free-port.js';

/**
 * Resolves with the port, or with a free one for 0: uWebSockets.js doesn't share a port that the system chose. Rejects with
 * one readable line when someone listens there.
 */
export async function takePort(host: string, port: number): Promise<number> {
  try {
    if (port === 0) return await freePort(host);
    await probe(host, port);
    return port;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === 'EADDRINUSE' ? 'someone listens there already' : message;
    throw new Error(`can not listen on ${host}:${port}: ${why}`);
  }
}
