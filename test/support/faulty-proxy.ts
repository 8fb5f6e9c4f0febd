/** A TCP proxy in front of a real server, which does to a connection what the test orders. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

export interface Fault {
  /** Only connections whose first bytes hold this text. */
  readonly on: string;
  /** How many of them. */
  times: number;
  /**
   * `lose`: the answer's first bytes are not passed on, and the connection is cut. `cutAfterBytes`:
   * it is cut after so many bytes of the answer. `answer`: this is answered. `bytesPerSecond`: the
   * request is passed on no faster.
   */
  readonly how:
    | 'lose'
    | { readonly cutAfterBytes: number }
    | { readonly answer: string }
    | { readonly bytesPerSecond: number };
}

export interface FaultyProxy {
  readonly url: string;
  /** What happens from now on; replaces what was ordered before. */
  order(fault: Fault | null): void;
  stop(): void;
}

export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port } = new URL(target);
  let ordered: Fault | null = null;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    let fault: Fault | null = null;
    let passed = 0;
    for (const socket of [client, upstream]) socket.on('error', end).on('close', end);
    client.on('data', (chunk) => {
      if (ordered !== null && ordered.times > 0 && fault === null && chunk.includes(ordered.on)) {
        fault = ordered;
        fault.times--;
      }
      if (fault !== null && typeof fault.how === 'object' && 'answer' in fault.how) {
        client.end(fault.how.answer);
        return;
      }
      upstream.write(chunk);
      if (fault !== null && typeof fault.how === 'object' && 'bytesPerSecond' in fault.how) {
        client.pause();
        setTimeout(() => client.resume(), (chunk.length * 1000) / fault.how.bytesPerSecond);
      }
    });
    upstream.on('data', (chunk) => {
      if (fault === null) return void client.write(chunk);
      if (fault.how === 'lose') return end();
      if ('answer' in fault.how) return;
      if ('bytesPerSecond' in fault.how) return void client.write(chunk);
      const left = fault.how.cutAfterBytes - passed;
      passed += chunk.length;
      if (chunk.length < left) client.write(chunk);
      else client.write(chunk.subarray(0, left), end);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    order(fault) {
      ordered = fault;
    },
    stop: () => void server.close(),
  };
}
