/**
 * Ten thousand WebSocket clients in one process, for `npm run bench:live`. A library for each of
 * them would need more processor than the server that is measured. So these are plain sockets that
 * share one buffer and count the heads of frames; a few of them, the probes, read the texts too.
 *
 * The parent sends an `Order`, and gets a `Progress` every few milliseconds and after each order.
 */
import { connect, type Socket } from 'node:net';

export type Order =
  | {
      readonly order: 'connect';
      readonly url: string;
      readonly count: number;
      readonly token: string;
      /** The first message; null: none is needed. */
      readonly message: string | null;
      /**
       * Each is ready after this many events; 0: after the first message of the server, or none.
       */
      readonly events: number;
    }
  /** Counts from zero. */
  | { readonly order: 'reset' }
  /** So many that are no probes stop reading. */
  | { readonly order: 'stall'; readonly count: number }
  | { readonly order: 'drop' }
  | { readonly order: 'latencies' };

export interface Progress {
  /** The order that is done; null: a report in between. */
  readonly done: Order['order'] | null;
  readonly frames: number;
  /** Events that each of the probes has. */
  readonly events: number;
  readonly open: number;
  /** The text of the last event. */
  readonly last: string;
  /** From the change to the arrival, ms, sorted. Only after `latencies`. */
  readonly latencies: readonly number[];
}

interface Reader {
  readonly socket: Socket;
  readonly isProbe: boolean;
  isUpgraded: boolean;
  isReady: boolean;
  /** Bytes of the current frame that are still to come. */
  skip: number;
  /** The beginning of a frame that is not complete. */
  rest: Buffer | null;
  events: number;
  /** Why the server or the operating system ended it. */
  ending: string;
}

const REPORT_MS = 5;
const PROBE_EVERY = 200;
const HANDSHAKES_AT_ONCE = 250;
/** A server takes so many connections from one address only slowly. */
const ADDRESSES = 16;
const BUFFER_BYTES = 64 * 1024;
const TEXT = 0x81;
const PING = 0x89;
const CLOSE = 0x88;
/** Masked with zeros: the payload stays as it is. */
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const EVENT = '"event":"coupon.assigned"';

const shared = Buffer.alloc(BUFFER_BYTES);
let readers: Reader[] = [];
let probes: Reader[] = [];
let frames = 0;
let open = 0;
let last = '';
let latencies: number[] = [];
/** While clients catch up, all of them read the texts. */
let eventsWanted = 0;
let onReady: () => void = () => {};

function openReader(order: Extract<Order, { order: 'connect' }>, isProbe: boolean): void {
  const { hostname, port } = new URL(order.url);
  const socket = connect({
    host: hostname,
    port: Number(port),
    localAddress: `127.0.0.${2 + (readers.length % ADDRESSES)}`,
    noDelay: true,
    onread: {
      buffer: shared,
      callback: (length) => {
        take(reader, shared.subarray(0, length), order.message);
        return true;
      },
    },
  });
  const reader: Reader = {
    socket,
    isProbe,
    isUpgraded: false,
    isReady: false,
    skip: 0,
    rest: null,
    events: 0,
    ending: 'the server ended it',
  };
  socket.on('error', ({ message: ending }) => Object.assign(reader, { ending }));
  socket.on('close', () => {
    if (reader.isUpgraded) open--;
    if (reader.isReady || !readers.includes(reader)) return;
    const state = reader.isUpgraded ? `it had ${reader.events} events` : 'it was not upgraded';
    throw new Error(`a connection ended before its client was ready: ${reader.ending}; ${state}`);
  });
  socket.write(
    [
      'GET /api/v1/events HTTP/1.1',
      `Host: ${hostname}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
      `Authorization: Bearer ${order.token}`,
      '\r\n',
    ].join('\r\n'),
  );
  readers.push(reader);
  if (isProbe) probes.push(reader);
}

function take(reader: Reader, chunk: Buffer, message: string | null): void {
  const bytes = reader.rest === null ? chunk : Buffer.concat([reader.rest, chunk]);
  reader.rest = null;
  if (reader.isUpgraded) takeFrames(reader, bytes);
  else upgrade(reader, bytes, message);
}

function upgrade(reader: Reader, bytes: Buffer, message: string | null): void {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) {
    reader.rest = Buffer.from(bytes);
    return;
  }
  if (!bytes.toString('latin1', 0, end).startsWith('HTTP/1.1 101')) {
    throw new Error(`a client was refused: ${bytes.toString('latin1')}`);
  }
  reader.isUpgraded = true;
  open++;
  if (message === null) ready(reader);
  else reader.socket.write(frameOf(message));
  takeFrames(reader, bytes.subarray(end + 4));
}

function takeFrames(reader: Reader, bytes: Buffer): void {
  let at = Math.min(reader.skip, bytes.length);
  reader.skip -= at;
  while (at < bytes.length) {
    const short = bytes[at + 1] ?? 0;
    const headBytes = short === 126 ? 4 : 2;
    if (short === 127) throw new Error('a message is longer than those of the bench');
    const isHeadThere = bytes.length - at >= headBytes;
    const end = isHeadThere ? at + headBytes + (short === 126 ? bytes.readUInt16BE(at + 2) : short) : 0;
    const isRead = reader.isProbe || !reader.isReady;
    if (!isHeadThere || (isRead && end > bytes.length)) {
      reader.rest = Buffer.from(bytes.subarray(at));
      return;
    }
    if (bytes[at] === TEXT) {
      frames++;
      if (isRead) look(reader, bytes.toString('latin1', at + headBytes, end));
    } else if (bytes[at] === PING) reader.socket.write(PONG);
    else if (bytes[at] === CLOSE) reader.ending = bytes.toString('latin1', at + headBytes + 2, end);
    reader.skip = Math.max(0, end - bytes.length);
    at = end;
  }
}

function look(reader: Reader, text: string): void {
  if (text.includes(EVENT)) {
    reader.events++;
    if (reader.isProbe) {
      last = text;
      latencies.push(Date.now() - Date.parse(/"at":"([^"]*)"/.exec(text)?.[1] ?? ''));
    }
  } else if (text.includes('"type":"error"') || text.includes('"type":"expired"')) throw new Error(text);
  if (!reader.isReady && reader.events >= eventsWanted) ready(reader);
}

function ready(reader: Reader): void {
  reader.isReady = true;
  onReady();
}

function frameOf(text: string): Buffer {
  const { length } = Buffer.from(text);
  const head = length < 126 ? [0x81, 0x80 | length] : [0x81, 0x80 | 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), Buffer.from(text)]);
}

function connectAll(order: Extract<Order, { order: 'connect' }>): Promise<void> {
  eventsWanted = order.events;
  let begun = 0;
  let finished = 0;
  return new Promise((resolve) => {
    const beginNext = (): void => openReader(order, begun++ % PROBE_EVERY === 0);
    onReady = () => {
      if (++finished === order.count) resolve();
      else if (begun < order.count) beginNext();
    };
    while (begun < Math.min(order.count, HANDSHAKES_AT_ONCE)) beginNext();
  });
}

function dropAll(): Promise<unknown> {
  const closed = readers.map(
    ({ socket }) => new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.once('close', resolve))),
  );
  for (const { socket } of readers) socket.destroy();
  readers = [];
  probes = [];
  return Promise.all(closed);
}

async function obey(order: Order): Promise<void> {
  switch (order.order) {
    case 'connect':
      return connectAll(order);
    case 'reset':
      frames = 0;
      latencies = [];
      for (const reader of readers) reader.events = 0;
      return;
    case 'stall':
      for (const { socket } of readers.filter(({ isProbe }) => !isProbe).slice(0, order.count)) socket.pause();
      return;
    case 'drop':
      await dropAll();
      return;
    case 'latencies':
      latencies.sort((a, b) => a - b);
  }
}

function report(done: Order['order'] | null): void {
  const events = Math.min(...probes.filter(({ socket }) => !socket.destroyed).map((probe) => probe.events));
  const shown = done === 'latencies' ? latencies : [];
  const progress: Progress = { done, frames, events, open, last, latencies: shown };
  // The parent may have ended.
  process.send?.(progress, () => undefined);
}

let isBusy = false;
setInterval(() => {
  if (!isBusy) report(null);
}, REPORT_MS);
process.on('disconnect', () => process.exit(0));
process.on('message', (order: Order) => {
  isBusy = true;
  obey(order).then(
    () => {
      isBusy = false;
      report(order.order);
    },
    (error: unknown) => {
      throw error;
    },
  );
});
