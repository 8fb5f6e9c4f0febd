/** A TCP relay between a front and Clipbook that writes down the requests that arrive. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Tap {
  readonly port: number;
  /** Connections that the front has opened so far. */
  connections(): number;
  /** What has arrived since the last call: a line for each request, with its framing. */
  take(): string;
  close(): void;
}

export async function openTap(to: number): Promise<Tap> {
  let arrived = '';
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (front) => {
    connections++;
    const clipbook = connect({ port: to, host: '127.0.0.1', noDelay: true });
    for (const socket of [front, clipbook]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => undefined);
    }
    front.on('data', (chunk: Buffer) => {
      arrived += chunk.toString('latin1');
    });
    front.pipe(clipbook).pipe(front);
    front.on('close', () => clipbook.destroy());
    clipbook.on('close', () => front.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections: () => connections,
    take() {
      const text = arrived;
      arrived = '';
      return summaryOf(text);
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

const METHOD_LINE = /^([A-Za-z]+) (\S+) HTTP\/1\.[01]\r\n([\s\S]*?\r\n)\r\n/;

/**
 * `POST …/redeem, 14 bytes; GET /livez`. Bodies are skipped by their framing, so nothing hidden in
 * them is taken for a request.
 */
export function summaryOf(text: string): string {
  const requests: string[] = [];
  let rest = text;
  for (;;) {
    const match = METHOD_LINE.exec(rest);
    if (match === null) break;
    const [head, method, path = '', headers = ''] = match;
    rest = rest.slice(head.length);
    const length = /^content-length: *(\d+)/im.exec(headers)?.[1];
    let framing = '';
    if (/^transfer-encoding: *chunked/im.test(headers)) {
      const end = /(?:^|\r\n)0[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n/.exec(rest);
      framing = ', chunked';
      if (end !== null) {
        if (end[1] !== '') framing = ', chunked with trailers';
        rest = rest.slice(end.index + end[0].length);
      }
    } else if (length !== undefined) {
      framing = `, ${length} bytes`;
      rest = rest.slice(Number(length));
    }
    requests.push(`${method} ${path.replace(/\/api\/v1\/coupons\/[^/]+/, '…')}${framing}`);
  }
  if (rest !== '') requests.push(`${rest.length} bytes more`);
  return requests.length === 0 ? 'nothing' : requests.join('; ');
}
