/** The yardstick: keeps nothing, needs nothing. */
import { startNode } from './child.js';
import { nodeCpu, residentBytes } from './cpu.js';
import type { Subject } from './subject.js';

const NO_THREADS = new Map<number, string>();

export async function startBare(): Promise<Subject> {
  const server = await startNode('load/bare.js', {});
  return {
    name: 'bare',
    url: server.url,
    rateGuess: 0,
    // As long as a real one: its bytes are read too.
    token: () => Promise.resolve('x'.repeat(320)),
    newBook: () => Promise.resolve('01a1fb62-1776-776a-92c9-af2d6bdc1f50'),
    addCodes: () => Promise.resolve(),
    cpu: () => nodeCpu('bare', server.pid, NO_THREADS),
    residentBytes: () => residentBytes(server.pid),
    lagEvents: () => Promise.resolve(null),
    stop: () => server.stop(),
  };
}
