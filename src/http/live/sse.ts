/**
 * Live updates as Server-Sent Events, for networks that break WebSockets. The messages are the
 * same; `id` is the cursor, which a browser sends back as `Last-Event-ID` when it connects again.
 */
import type { Exchange } from '../exchange/exchange.js';
import { type Account, LiveClient, type SubscribeRequest, type Transport } from './client.js';

/** What may wait for a client that reads slowly. */
const BACKLOG_BYTES_MAX = 256 * 1024;
/** Proxies end connections that are silent for a minute or so. */
const HEARTBEAT_MS = 25_000;
/** When a browser connects again. */
const RETRY = 'retry: 1000\n\n';
const HEADERS = '\r\nX-Accel-Buffering: no';

/** Answers the exchange with the events of these topics, until either side ends it. */
export function streamEvents(exchange: Exchange, account: Account, request: SubscribeRequest): void {
  const { live, nowMs } = exchange.services;
  let client: LiveClient | null = null;
  const res = exchange.beginLongStream('text/event-stream', HEADERS, () => client?.ended());
  if (res === null) return;
  /** Bytes that were written since the client last took all. */
  let backlog = 0;
  let writtenMs = nowMs();

  function write(text: string): void {
    res?.cork(() => {
      if (!res.write(text)) backlog += Buffer.byteLength(text);
    });
    writtenMs = nowMs();
  }

  res.onWritable(() => {
    backlog = 0;
    client?.onWritable();
    return true;
  });

  const transport: Transport = {
    send(text, cursor) {
      if (exchange.isOver) return true;
      if (backlog > BACKLOG_BYTES_MAX) return false;
      write(`${cursor === null ? '' : `id: ${cursor}\n`}data: ${text}\n\n`);
      return true;
    },
    backlog: () => backlog,
    follow: null,
    unfollow() {},
    tick(now) {
      if (!exchange.isOver && now - writtenMs >= HEARTBEAT_MS) write(':\n\n');
    },
    close() {
      if (!exchange.isOver) res.close();
    },
  };
  const opened = new LiveClient(live, transport, account);
  client = opened;
  live.add(opened);
  write(RETRY);
  opened.request(async () => {
    await opened.subscribe(request);
    // It was refused, or the cursor is too old: the client has to ask anew.
    if (!opened.isLive) opened.close(0, 'the topics were refused');
  });
}
