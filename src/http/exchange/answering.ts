/**
 * The answering half of an exchange: every answer goes through `send`, except streams.
 *
 * `res` is null after the answer or the abort. Then there is nothing more to do: a late answer is
 * dropped here, in one place.
 *
 * How a connection goes on after an answer:
 *
 *     keep     the usual case. The library writes the answer and reads the next request
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
 *
 * A base class, although this code base avoids inheritance: both halves share the lifetime of one
 * `res`, and a handler needs one object only. As a separate object, this would need the exchange's
 * `bodyDone`, caller and end, and the exchange would need its `res` and `closes`.
 */

import type { Refusal } from '../../domain/outcome.js';
import type { CommandReply, Done, QueryReply, Role } from '../../engine/engine.js';
import { ControlError } from '../../engine/engine.js';
import type { HttpResponse } from '../../platform/uws.js';
import {
  type FieldError,
  PROBLEMS,
  type ProblemSlug,
  problemJson,
  slugOfRefusal,
  slugOfUnavailable,
  UNAVAILABLE_DETAIL,
} from '../api/problem.js';
import { AnswerBytes } from '../fast/answer-bytes.js';
import type { Services } from '../server/services.js';
import { BodyBroken } from './body-stream.js';
import { type RawShape, rawAnswer } from './raw-answer.js';
import { statusLine } from './status-line.js';

/** One sentence for both, so that codes can't be found by trying. */
const CODE_NOT_FOUND = "No such code is known, or it is not this user's.";
export const JSON_TYPE = 'application/json';
const PROBLEM_TYPE = 'application/problem+json';

/**
 * The status line and what all answers have, up to the request's id, given to uWebSockets.js as the
 * status: one call for all headers costs 0.5 µs less than one for each.
 */
const beginningOf = (status: number, type: string, caching = 'no-store'): string =>
  // An answer without a body has no type.
  `${statusLine(status)}${status === 204 ? '' : `\r\nContent-Type: ${type}`}\r\nCache-Control: ${caching}\r\nX-Content-Type-Options: nosniff\r\nX-Request-Id: `;

/** Of a hot answer; see answer-bytes.ts. */
const hotHead = new AnswerBytes(beginningOf(200, JSON_TYPE));
const hotBody = new AnswerBytes('');

export abstract class Answering {
  /** Null: answered or aborted. */
  res: HttpResponse | null = null;
  requestId = '';
  caller = '';
  role: Role = 'user';
  readonly services: Services;

  /** Raw, of the headers. */
  protected forwarded = '';
  protected forwardedFor = '';
  /** Nothing more of the request is to come. */
  protected bodyDone = true;
  protected isHead = false;
  protected after: 'keep' | 'close' | 'cut' = 'keep';
  protected status = 200;
  /** Answered, and the connection is not closed yet. */
  protected ending: HttpResponse | null = null;
  /** The library does not read from the socket. */
  protected isPaused = false;
  /** Called when the client no longer reads a stream; null while no stream has begun. */
  protected onGone: (() => void) | null = null;
  private head: string | Uint8Array = '';
  private payload: string | Uint8Array = '';

  constructor(services: Services) {
    this.services = services;
  }

  /** The answer is out. */
  protected abstract finish(): void;
  /**
   * An answer is on its way out, or the rest of a body on its way in; `endNow` is called when that
   * takes too long.
   */
  protected abstract watchEnd(): void;
  /** True if the caller's change may have been made, whatever fails from here on. */
  protected abstract get mayHaveChanged(): boolean;
  /** For the log; undefined once the exchange is over. */
  protected abstract get routeId(): string | undefined;

  /** Answers 404 for a code, and counts it against a user. */
  codeNotFound(): void {
    if (this.role === 'user' && this.res !== null) {
      const { misses, counters } = this.services;
      const nowMs = this.services.nowMs();
      counters.add('misses', 1);
      misses.ofCaller.add(this.caller, nowMs);
      misses.ofAddress.add(this.address(), nowMs);
    }
    this.problem('code-not-found', CODE_NOT_FOUND);
  }

  /** What limits by address count this request under; '' once the exchange is over. */
  address(): string {
    if (this.res === null) return '';
    const peer = Buffer.from(this.res.getRemoteAddressAsText()).toString('latin1');
    return this.services.clients.of(peer, this.forwarded, this.forwardedFor);
  }

  get isOver(): boolean {
    return this.res === null;
  }

  /** JSON; `extra` is more headers, each with a leading CRLF. */
  json(status: number, body: string, extra = ''): void {
    this.answer(status, JSON_TYPE, body, extra);
  }

  /** The answer to a change, with its place in the order of its shard. */
  changed(status: number, body: string, done: Done, extra = ''): void {
    const place = `\r\nCommit-Seq: ${done.shard}-${done.seq}`;
    this.answer(status, JSON_TYPE, body, (done.replayed ? `${place}\r\nIdempotency-Replayed: true` : place) + extra);
  }

  /** Where the body of a hot answer is written; `changedAsWritten` sends it. */
  write(): AnswerBytes {
    return hotBody.begin();
  }

  /** `changed` with 200 and the body that was written. */
  changedAsWritten({ shard, seq, replayed }: Done): void {
    hotHead.begin().ascii(this.requestId).ascii('\r\nCommit-Seq: ').whole(shard).ascii('-').whole(seq);
    if (replayed) hotHead.ascii('\r\nIdempotency-Replayed: true');
    this.send(200, hotHead.written, hotBody.written);
  }

  answer(status: number, type: string, body: string | Uint8Array, extra: string): void {
    this.send(status, beginningOf(status, type) + this.requestId + extra, body);
  }

  /** A file whose path names its version, so that whoever has it never needs to ask again. */
  file(type: string, body: string | Uint8Array, extra: string): void {
    this.send(200, beginningOf(200, type, 'public, max-age=31536000, immutable') + this.requestId + extra, body);
  }

  private send(status: number, head: string | Uint8Array, body: string | Uint8Array): void {
    if (this.res === null) return;
    // Half of the answer is sent already; only closing the connection shows that it is incomplete.
    if (this.onGone !== null) return void this.res.close();
    this.status = status;
    if (this.after !== 'keep' || !this.bodyDone || this.services.isDraining()) {
      this.sendLast(head, body);
      return;
    }
    if (this.isPaused) this.resumeReading(this.res);
    this.head = head;
    this.payload = body;
    this.res.cork(this.flush);
    this.payload = '';
    this.finish();
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
  private sendLast(head: string | Uint8Array, body: string | Uint8Array): void {
    const { res } = this;
    if (res === null) return;
    this.res = null;
    this.ending = res;
    if (!this.bodyDone) {
      if (this.isPaused) this.resumeReading(res);
      res.cork(() => res.writeStatus(rawAnswer(head, body, this.isHead ? 'headOnly' : 'whole')));
      this.watchEnd();
    } else if (this.after === 'cut' && !this.isHead) {
      res.writeStatus(rawAnswer(head, body, 'sentAtOnce'));
      this.endNow();
    } else {
      // The bytes of a hot answer are overwritten by the next one.
      const [keptHead, keptBody] = [keep(head), keep(body)];
      this.watchEnd();
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
    this.finish();
  }

  /**
   * Closes the connection, and with it the exchange. Not within `onData`: the library would go on
   * with a closed socket.
   */
  protected endNow(): void {
    const res = this.ending;
    if (res === null) return;
    this.ending = null;
    res.close();
    this.finish();
  }

  private resumeReading(res: HttpResponse): void {
    this.isPaused = false;
    res.resume();
  }

  /**
   * Hands the response out for an answer that is written bit by bit; the taker ends it, then calls
   * `finishStream`. Null when nobody wants it (any more). `onAborted` tells when that comes to be
   * so, and the response must not be touched.
   */
  beginStream(type: string, extra: string, onAborted: () => void): HttpResponse | null {
    const { res } = this;
    if (res === null) return null;
    this.onGone = onAborted;
    res.cork(() => {
      res.writeStatus(beginningOf(200, type) + this.requestId + extra);
      if (this.isHead) res.endWithoutBody();
    });
    if (!this.isHead) return res;
    this.finish();
    return null;
  }

  finishStream(): void {
    if (this.res !== null) this.finish();
  }

  problem(slug: ProblemSlug, detail: string, errors: readonly FieldError[] = [], extra = ''): void {
    this.answer(PROBLEMS[slug].status, PROBLEM_TYPE, problemJson(slug, detail, this.requestId, errors), extra);
  }

  invalid(errors: readonly FieldError[]): void {
    const first = errors[0];
    const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
    this.problem('validation', `${where}${first?.message ?? 'The request is not valid'}.`, errors);
  }

  retryLater(slug: ProblemSlug, detail: string, afterMs: number, closes = false): void {
    if (closes) this.closeAfter();
    this.problem(slug, detail, [], `\r\nRetry-After: ${Math.max(1, Math.ceil(afterMs / 1000))}`);
  }

  refuse(reply: Exclude<CommandReply | QueryReply, { readonly kind: 'done' | 'result' }>): void {
    if (reply.kind === 'unavailable') {
      this.retryLater(slugOfUnavailable(reply.reason), UNAVAILABLE_DETAIL[reply.reason], reply.retryAfterMs);
      return;
    }
    // For a user, another user's code does not exist.
    if (reply.reason === 'codeNotFound' || (reply.isOthersCode === true && this.role === 'user')) {
      this.codeNotFound();
      return;
    }
    this.refuseWith(reply);
  }

  private refuseWith({ reason, detail, retryAtMs }: Refusal): void {
    const slug = slugOfRefusal(reason);
    if (retryAtMs !== undefined) {
      this.retryLater(slug, detail, retryAtMs - this.services.nowMs());
      return;
    }
    if (PROBLEMS[slug].status === 503) {
      this.retryLater(slug, detail, 1000);
      return;
    }
    this.problem(slug, detail);
  }

  /** What broke, as an answer: never with a stack. */
  fail(error: unknown): void {
    if (error instanceof BodyBroken) return;
    if (error instanceof ControlError) {
      this.failWith(error);
      return;
    }
    this.services.log.error({ err: error, requestId: this.requestId, route: this.routeId }, 'a handler failed');
    if (this.mayHaveChanged) this.retryLater('outcome-unknown', UNAVAILABLE_DETAIL.outcomeUnknown, 1000);
    else this.problem('internal', 'Something broke that should not.');
  }

  private failWith({ reason, message, path }: ControlError): void {
    switch (reason) {
      case 'invalid':
        this.problem('not-possible', message);
        break;
      case 'keyReused':
        this.problem('idempotency-key-reused', message);
        break;
      case 'malformed':
        this.problem('malformed-request', message);
        break;
      case 'invalidField':
        this.invalid([{ path, message }]);
        break;
      case 'tooMany':
        this.retryLater('too-many-uploads', message, 5000);
        break;
      case 'outcomeUnknown':
        this.retryLater('outcome-unknown', UNAVAILABLE_DETAIL.outcomeUnknown, 1000);
        break;
      case 'unavailable':
        this.retryLater('unavailable', message, 2000);
        break;
      case 'noRoom':
      case 'draining':
        this.retryLater(slugOfUnavailable(reason), message, 2000);
        break;
    }
  }

  /** For what makes the rest of the connection useless or unsafe. */
  refuseAndClose(slug: ProblemSlug, detail: string): void {
    this.closeAfter();
    this.problem(slug, detail);
  }

  private closeAfter(): void {
    if (this.after === 'keep') this.after = 'close';
  }
}

const keep = (bytes: string | Uint8Array): string | Uint8Array => (typeof bytes === 'string' ? bytes : bytes.slice());
