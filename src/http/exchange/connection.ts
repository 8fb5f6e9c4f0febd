/**
 * The connection of one request: the response object of uWebSockets.js, what was sent, and whether
 * the socket is read. What is sent is decided in answer-writer.ts; what a body means, in
 * exchange.ts.
 *
 * `res` is null after the answer or the abort. Then there is nothing more to do: a late answer is
 * dropped here, in one place.
 *
 * How a connection goes on after an answer:
 *
 *     keep     the normal case. The library writes the answer and reads the next request
 *     close    after a complete request: chunked, with `Connection: close`, or while the server
 *              drains. The answer is written on `setImmediate`. Within the parser, the library
 *              forgets to close when another request follows in the same segment, and executes that
 *              request. While an answer is pending, it closes without executing
 *     cut      in the handler of a head that makes the bytes behind it unsafe to read: the answer
 *              is written and the connection is closed before the parser goes on. Only possible
 *              there, and not for HEAD
 *     linger   the body is still to come. The answer is written, the rest of the body is read and
 *              dropped for a while, then the connection is closed. Closing at once would reset the
 *              connection, and the client would lose the answer
 *
 * In the last three cases `ending` holds the response from the answer to the close.
 */
import type { HttpResponse } from '../../platform/uws.js';
import type { Services } from '../server/services.js';
import { type RawShape, rawAnswer } from './raw-answer.js';

/** Counted for a request whose connection broke; nobody reads it. */
const CLIENT_GONE = 499;

/** Called by a connection. The functions are made once and serve all requests. */
interface ConnectionEvents {
  /**
   * A piece of the body of a request that is not answered yet. `chunk` is valid during the call
   * only.
   */
  bodyChunk(chunk: ArrayBuffer, isLast: boolean): void;
  /**
   * An answer is on its way out, or the rest of a body on its way in: `endNow` has to be called
   * when that takes too long.
   */
  closing(): void;
  /** The client is gone and gets no answer; `ended` follows. */
  aborted(): void;
  /** The request is answered or aborted, and nothing more is written or closed. */
  ended(): void;
}

export class Connection {
  /** The final status of the answer. */
  status = 200;
  /** Nothing more of the request is to come. */
  isBodyDone = true;

  /** Null: answered or aborted. */
  private res: HttpResponse | null = null;
  /** Answered, and the connection is not closed yet. */
  private ending: HttpResponse | null = null;
  private after: 'keep' | 'close' | 'cut' = 'keep';
  private isHead = false;
  private isChunked = false;
  /** The library does not read from the socket. */
  private isPaused = false;
  /** Called when the client no longer reads a stream; null while no stream has begun. */
  private onGone: (() => void) | null = null;
  /** The answer that `flush` writes. */
  private head: string | Uint8Array = '';
  private payload: string | Uint8Array = '';

  private readonly services: Services;
  private readonly events: ConnectionEvents;

  constructor(services: Services, events: ConnectionEvents) {
    this.services = services;
    this.events = events;
  }

  /** `isLastRequest`: the client sends no other one on this connection. */
  begin(res: HttpResponse, isHead: boolean, isLastRequest: boolean, isChunked: boolean): void {
    this.res = res;
    this.isHead = isHead;
    this.isChunked = isChunked;
    if (isLastRequest || isChunked) this.after = 'close';
    res.onAborted(this.onAborted);
  }

  /** Makes it ready for another request. */
  clear(): void {
    this.status = 200;
    this.after = 'keep';
    this.isPaused = false;
    this.onGone = null;
  }

  /** Answered or aborted. */
  get isOver(): boolean {
    return this.res === null;
  }

  /** Answered or aborted, and not in use any more. */
  get isEnded(): boolean {
    return this.res === null && this.ending === null;
  }

  /** The address of the other end as text; null once it is over. */
  peer(): string | null {
    return this.res === null ? null : Buffer.from(this.res.getRemoteAddressAsText()).toString('latin1');
  }

  // -- reading ------------------------------------------------------------------------------------

  awaitBody(): void {
    this.isBodyDone = false;
    this.res?.onData(this.onChunk);
  }

  private readonly onChunk = (chunk: ArrayBuffer, isLast: boolean): void => {
    if (this.isBodyDone) return;
    if (this.res === null) {
      if (isLast) this.bodyDropped();
      return;
    }
    // What comes next on the connection is not parsed before the answer.
    if (isLast && this.isChunked) this.pauseReading(this.res);
    this.events.bodyChunk(chunk, isLast);
  };

  /** The last piece of the body was taken; the answer may come. */
  bodyTaken(): void {
    this.isBodyDone = true;
  }

  /** All of the body has come, and its request was answered before. */
  bodyDropped(): void {
    this.isBodyDone = true;
    const { ending } = this;
    setImmediate(() => {
      if (this.ending === ending) this.endNow();
    });
  }

  /** Nothing happens if `res` is not the response of the request under way. */
  pauseReading(res: HttpResponse): void {
    if (this.res !== res) return;
    this.isPaused = true;
    res.pause();
  }

  resumeReading(res: HttpResponse): void {
    if (this.res !== res) return;
    this.isPaused = false;
    res.resume();
  }

  private readonly onAborted = (): void => {
    this.isBodyDone = true;
    if (this.res === null) {
      // It is answered, and `endNow` has closed the connection or the client has.
      if (this.ending === null) return;
      this.ending = null;
      this.end();
      return;
    }
    this.res = null;
    this.status = CLIENT_GONE;
    this.events.aborted();
    this.onGone?.();
    this.end();
  };

  // -- writing ------------------------------------------------------------------------------------

  /** For what makes the rest of the connection useless or unsafe. */
  closeAfter(): void {
    if (this.after === 'keep') this.after = 'close';
  }

  /** For what makes the bytes behind the head unsafe to read. */
  cutAfter(): void {
    this.after = 'cut';
  }

  /** `head` is the status line and the headers without the last line break. */
  send(status: number, head: string | Uint8Array, body: string | Uint8Array): void {
    if (this.res === null) return;
    // Half of the answer is sent already; only closing the connection shows that it is incomplete.
    if (this.onGone !== null) return void this.res.close();
    this.status = status;
    if (this.after !== 'keep' || !this.isBodyDone || this.services.isDraining()) {
      this.sendLast(this.res, head, body);
      return;
    }
    if (this.isPaused) this.resumeReading(this.res);
    this.head = head;
    this.payload = body;
    this.res.cork(this.flush);
    this.payload = '';
    this.end();
  }

  private readonly flush = (): void => {
    const { res } = this;
    if (res === null) return;
    res.writeStatus(this.head);
    if (this.isHead) {
      // A length given to `endWithoutBody` leaves the answer pending for ever.
      res.writeHeader('Content-Length', String(Buffer.byteLength(this.payload)));
      res.endWithoutBody();
    } else if (this.status === 204) res.endWithoutBody();
    else res.end(this.payload);
  };

  /** Sends the last answer of this connection. */
  private sendLast(res: HttpResponse, head: string | Uint8Array, body: string | Uint8Array): void {
    if (!this.isBodyDone && this.isPaused) this.resumeReading(res);
    this.res = null;
    this.ending = res;
    if (!this.isBodyDone) {
      res.cork(() => res.writeStatus(rawAnswer(head, body, this.isHead ? 'headOnly' : 'whole')));
      this.events.closing();
    } else if (this.after === 'cut' && !this.isHead) {
      res.writeStatus(rawAnswer(head, body, 'sentAtOnce'));
      this.endNow();
    } else {
      // The bytes of a hot answer are overwritten by the next one.
      const [keptHead, keptBody] = [keep(head), keep(body)];
      this.events.closing();
      setImmediate(() => this.closeWith(res, keptHead, keptBody));
    }
  }

  private closeWith(res: HttpResponse, head: string | Uint8Array, body: string | Uint8Array): void {
    // The connection broke, perhaps by the library, because of what followed the request. This may
    // serve another one now.
    if (this.ending !== res) return;
    if (this.isHead || this.status === 204) {
      const shape: RawShape = this.isHead ? 'headOnly' : 'noContent';
      res.cork(() => res.writeStatus(rawAnswer(head, body, shape)));
      this.endNow();
      return;
    }
    this.ending = null;
    res.cork(() => {
      res.writeStatus(head);
      res.end(body, true);
    });
    this.end();
  }

  /**
   * Closes a connection after its last answer. Not within `onData`: the library would go on with a
   * closed socket.
   */
  endNow(): void {
    const res = this.ending;
    if (res === null) return;
    this.ending = null;
    res.close();
    this.end();
  }

  /**
   * Hands the response out for an answer that is written in pieces. The taker ends it, then calls
   * `finishStream`. Null when the client wants no body or is gone. `onGone` is called when the
   * client goes later; the response must not be used after that.
   */
  beginStream(head: string, onGone: () => void): HttpResponse | null {
    const { res } = this;
    if (res === null) return null;
    this.onGone = onGone;
    res.cork(() => {
      res.writeStatus(head);
      if (this.isHead) res.endWithoutBody();
    });
    if (!this.isHead) return res;
    this.end();
    return null;
  }

  finishStream(): void {
    if (this.res !== null) this.end();
  }

  private end(): void {
    this.res = null;
    this.events.ended();
  }
}

const keep = (bytes: string | Uint8Array): string | Uint8Array => (typeof bytes === 'string' ? bytes : bytes.slice());
