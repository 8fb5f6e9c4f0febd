/**
 * One request and its answer: the only wrapper around uWebSockets.js, for every route.
 *
 *     begin ─▶ head ─▶ body complete? ─┐
 *                └──▶ token known? ────┴─▶ role ▸ parameters ▸ query ▸ body ▸ own userId ─▶ handler ─▶ answer
 *
 * Exchanges are pooled, and their callbacks are bound once: a request on the hot path makes a
 * command, its origin and a few strings, no promise and no closure. The price is that an exchange
 * must not be used again while anybody may still call it: it goes back to its pool only when it is
 * answered (or aborted), its body has ended, and no engine reply, token verdict or async work is
 * under way (`held`). One that is answered before its body came is never reused.
 *
 * This part is the request's way to its handler and the exchange's end. What it asks of the engine
 * is in asking.ts; what is answered, and how, is in answering.ts.
 */

// The global of this name is a getter, which is called each time.
import { performance } from 'node:perf_hooks';
import type { HttpRequest, HttpResponse } from '../../platform/uws.js';
import { type ProblemSlug, UNAVAILABLE_DETAIL } from '../api/problem.js';
import { COMMON_DEADLINE_MS, type Watched } from '../server/deadlines.js';
import { HEAD_BYTES_MAX } from '../server/head-limit.js';
import type { Expiring, Services } from '../server/services.js';
import { JSON_TYPE } from './answering.js';
import { Asking } from './asking.js';
import type { Verdict } from './auth.js';
import { type BodyStream, createBodyStream, STREAM_WINDOW_MS } from './body-stream.js';
import { BodyText } from './body-text.js';
import { missesBlockedUntil, serveOwnCode } from './guesses.js';
import type { HandledRoute } from './handled-route.js';
import { parseJsonBody } from './json-body.js';
import { validateParams } from './path-params.js';
import { contentEncodingDetail, head, idempotencyKeyOf, isSaneRequestId, readHead } from './request-head.js';
import { fieldErrors } from './validation.js';

/** Counted for a request whose connection broke; nobody reads it. */
const CLIENT_GONE = 499;
/** How long the rest of a body is dropped after the answer, so that the client can read it. */
const LINGER_MS = 5_000;

export type ExchangeRoute = HandledRoute<Exchange>;

export class Exchange extends Asking implements Expiring {
  /** Raw, for the few handlers that need them. */
  ifMatch = '';
  contentType = '';
  contentLength = -1;
  /** Set before `begin` where no route matched. */
  url = '';
  method = '';
  /** Set before `begin` for a route that negotiates. */
  accept = '';
  acceptEncoding = '';
  /** The body of a route that streams it. */
  incoming: BodyStream | null = null;
  readonly watched: Watched<Expiring> = { older: null, newer: null, deadlineMs: 0, place: 'nowhere' };

  private route: ExchangeRoute | null = null;
  private rawQuery = '';
  /** Null: it is not UTF-8. */
  private text: string | null = '';
  private readonly bodyText = new BodyText();
  private judging = false;
  private verdict: Verdict | null = null;
  private hasToken = false;
  private isChunked = false;
  private startedMs = 0;

  private readonly recycle: (x: Exchange) => void;

  /** `recycle` gets it back when it may be used for another request. */
  constructor(services: Services, recycle: (x: Exchange) => void) {
    super(services);
    this.recycle = recycle;
  }

  protected override get routeId(): string | undefined {
    return this.route?.id;
  }

  protected override get changes(): boolean {
    return this.route?.changes === true;
  }

  // -- the request --------------------------------------------------------------------------------

  /** The whole of a uWebSockets.js handler. Never throws. */
  begin(res: HttpResponse, req: HttpRequest, route: ExchangeRoute, isHead: boolean): void {
    const { services } = this;
    readHead(req);
    this.res = res;
    this.route = route;
    this.startedMs = performance.now();
    this.requestId =
      head.requestId !== '' && isSaneRequestId(head.requestId) ? head.requestId : services.newRequestId();
    this.ifMatch = head.ifMatch;
    this.forwarded = head.forwarded;
    this.forwardedFor = head.forwardedFor;
    this.contentType = head.contentType;
    this.contentLength = head.contentLength;
    this.isHead = isHead;
    this.idempotencyKey = route.change ? idempotencyKeyOf(head) : '';
    for (let i = 0; i < route.paramSchemas.length; i++) this.params[i] = req.getParameter(i) ?? '';
    if (this.params.length !== route.paramSchemas.length) this.params.length = route.paramSchemas.length;
    if (route.query !== null) this.rawQuery = req.getQuery();
    res.onAborted(this.onAborted);
    if (route.deadlineMs === COMMON_DEADLINE_MS) services.deadlines.watch(this);
    else services.deadlines.watchFor(this, route.deadlineMs);

    this.isChunked = head.hasTransferEncoding;
    if (head.closes || this.isChunked) this.after = 'close';
    if (head.refusal !== '') {
      this.after = 'cut';
      this.problem('malformed-request', head.refusal);
      return;
    }
    if (head.bytes > HEAD_BYTES_MAX) {
      this.refuseUnread(res, 'head-too-large', `The headers may have ${HEAD_BYTES_MAX} bytes at most.`);
      return;
    }
    // The library parses trailers as requests. Only changes wait until they are parsed.
    if (this.isChunked && !route.changes) {
      this.after = 'cut';
      if (this.url !== '') this.advance();
      else this.problem('malformed-request', 'A GET or HEAD request takes no chunked body.');
      return;
    }
    if (services.isOverloaded()) {
      services.counters.add('overloaded', 1);
      this.retryLater('overloaded', UNAVAILABLE_DETAIL.overloaded, 1000, true);
      return;
    }
    // Before anything is parsed: past the knee, refusing must cost less than answering.
    if (route.change && services.engine.isFull()) {
      services.counters.add('overloaded', 1);
      this.retryLater('overloaded', UNAVAILABLE_DETAIL.overloaded, 1000);
      return;
    }
    if (head.contentLength > route.bodyBytesMax) {
      this.refuseUnread(res, 'body-too-large', bodySizeDetail(route));
      return;
    }
    if (head.contentEncoding !== '' && (route.body !== null || route.streamed)) {
      this.refuseUnread(res, 'unsupported-media-type', contentEncodingDetail(head));
      return;
    }
    if (route.roles !== null) this.authenticate(head.authorization);
    if (route.streamed) this.incoming = this.openStream(res);
    if (route.body !== null || route.streamed || this.isChunked) this.awaitBody(res);
    // A complete body asks for its turn itself.
    if (this.bodyDone || route.streamed) this.advance();
  }

  private awaitBody(res: HttpResponse): void {
    this.bodyDone = false;
    res.onData(this.onChunk);
  }

  /** Refuses by the head alone, so that the client can read it while it sends the body. */
  private refuseUnread(res: HttpResponse, slug: ProblemSlug, detail: string): void {
    this.awaitBody(res);
    this.refuseAndClose(slug, detail);
  }

  /** Starts looking at the token; `advance` goes on when it is known. */
  private authenticate(authorization: string): void {
    this.hasToken = authorization !== '';
    if (!this.hasToken) return;
    const nowMs = this.services.nowMs();
    this.verdict = this.services.tokens.remembered(authorization, nowMs);
    if (this.verdict !== null) return;
    this.judging = true;
    this.held++;
    this.services.tokens.verify(authorization, nowMs, this.onVerdict);
  }

  private readonly onVerdict = (verdict: Verdict | null): void => {
    this.judging = false;
    this.verdict = verdict;
    this.services.counters.add(verdict?.ok === true ? 'tokensVerified' : 'tokensRefused', 1);
    if (verdict === null) this.retryLater('overloaded', UNAVAILABLE_DETAIL.overloaded, 1000);
    else this.advance();
    this.letGo();
  };

  private readonly onChunk = (chunk: ArrayBuffer, isLast: boolean): void => {
    if (this.bodyDone) return;
    const { res, route } = this;
    if (res === null || route === null) {
      if (isLast) this.bodyDropped();
      return;
    }
    if (isLast && this.isChunked) this.pause(res);
    if (this.incoming !== null) {
      this.services.counters.add('uploadBytes', chunk.byteLength);
      this.bodyDone = isLast;
      this.incoming.push(chunk, isLast);
      return;
    }
    this.bodyText.add(chunk, isLast, route.bodyBytesMax);
    if (this.bodyText.bytes > route.bodyBytesMax) {
      this.refuseAndClose('body-too-large', bodySizeDetail(route));
      if (isLast) this.bodyDropped();
    } else if (isLast) {
      this.bodyDone = true;
      this.text = this.bodyText.text;
      this.advance();
    }
  };

  /** All of the body of a request that was answered before. */
  private bodyDropped(): void {
    this.bodyDone = true;
    const { ending } = this;
    setImmediate(() => {
      if (this.ending === ending) this.endNow();
    });
  }

  /** What comes next on the connection is not parsed before `resume`. */
  private pause(res: HttpResponse): void {
    this.isPaused = true;
    res.pause();
  }

  private openStream(res: HttpResponse): BodyStream {
    return createBodyStream({
      pause: () => {
        if (this.res === res) this.pause(res);
      },
      resume: () => {
        if (this.res !== res) return;
        this.isPaused = false;
        res.resume();
      },
      onProgress: () => this.extendDeadline(STREAM_WINDOW_MS),
      nowMs: this.services.nowMs,
    });
  }

  private readonly onAborted = (): void => {
    this.bodyDone = true;
    if (this.res === null) {
      // It is answered, and `endNow` has closed the connection or the client has.
      if (this.ending === null) return;
      this.ending = null;
      this.finish();
      return;
    }
    this.res = null;
    // What follows this request may have ended the connection. Then the command must not happen.
    if (this.commanded && this.services.engine.withdraw(this.onCommandReply)) this.held--;
    this.status = CLIENT_GONE;
    this.services.counters.add('aborted', 1);
    this.incoming?.break();
    this.onGone?.();
    this.finish();
  };

  /** Goes on to the handler once the token is judged and the body is there. */
  private advance(): void {
    const route = this.route;
    if (route === null || this.res === null || this.judging || (!this.bodyDone && !route.streamed)) return;
    if (!this.isAllowed(route) || !this.areParamsValid(route)) return;
    if (this.idempotencyKey === null) {
      this.problem('bad-idempotency-key', BAD_KEY_DETAIL);
      return;
    }
    let query: unknown;
    if (route.query !== null) {
      const parsed = route.query.parse(this.rawQuery);
      if (!parsed.success) {
        this.invalid(fieldErrors(parsed.error));
        return;
      }
      query = parsed.data;
    }
    if (route.body !== null) {
      const { text } = this;
      const usual = this.contentType === JSON_TYPE && text !== null ? (route.usualBody?.(text) ?? null) : null;
      if (usual === null) {
        const parsed = parseJsonBody(route.body, text, this.contentType, route.bodyOptional);
        if (parsed.kind === 'problem') {
          this.problem(parsed.slug, parsed.detail, parsed.errors);
          return;
        }
        this.body = parsed.value;
      } else this.body = usual;
    }
    if (route.ownUser !== null && this.role === 'user' && !this.isOwnUser(route)) {
      this.problem('forbidden', 'A token of the role user acts for its own userId only.');
      return;
    }
    if (route.guessable && this.role === 'user') {
      const untilMs = missesBlockedUntil(this);
      if (untilMs > 0) {
        serveOwnCode(this, untilMs, () => this.handle(route, query));
        return;
      }
    }
    this.handle(route, query);
  }

  private handle(route: ExchangeRoute, query: unknown): void {
    try {
      route.handle(this, this.body, query);
    } catch (error) {
      this.fail(error);
    }
  }

  private isAllowed(route: ExchangeRoute): boolean {
    if (route.roles === null) return true;
    const { verdict } = this;
    if (verdict === null || !verdict.ok) {
      this.refuseToken(verdict === null ? 'This needs an access token.' : verdict.detail);
      return false;
    }
    this.caller = verdict.caller;
    this.role = verdict.role;
    if (route.roles.includes(verdict.role)) return true;
    this.problem('forbidden', `This needs the role ${route.roles.join(' or ')}.`);
    return false;
  }

  private areParamsValid(route: ExchangeRoute): boolean {
    const error = validateParams(route, this.params);
    if (error !== null) this.invalid([error]);
    return error === null;
  }

  private isOwnUser(route: ExchangeRoute): boolean {
    const named =
      route.ownUser === 'body'
        ? (this.body as { readonly userId: string }).userId
        : this.param(route.paramNames.indexOf('userId'));
    return named === this.caller;
  }

  private refuseToken(detail: string): void {
    const error = this.hasToken ? ', error="invalid_token"' : '';
    this.problem('unauthenticated', detail, [], `\r\nWWW-Authenticate: Bearer realm="clipbook"${error}`);
  }

  // -- the end ------------------------------------------------------------------------------------

  /** From now on it may take this long. */
  extendDeadline(ms: number): void {
    if (this.res !== null) this.services.deadlines.watchFor(this, ms);
  }

  protected override watchEnd(): void {
    this.services.deadlines.watchFor(this, LINGER_MS);
  }

  /**
   * The server stops. Answers a change whose outcome is not known; the others see a cut connection.
   */
  giveUp(): void {
    if (this.bodyDone && this.mayHaveChanged) this.expire();
  }

  expire(): void {
    if (this.res === null) {
      this.services.deadlines.unwatch(this);
      this.endNow();
      return;
    }
    this.services.counters.add('timedOut', 1);
    if (!this.bodyDone) {
      if (this.incoming !== null && !this.incoming.isStarving()) {
        this.extendDeadline(STREAM_WINDOW_MS);
        return;
      }
      this.refuseAndClose('request-timeout', 'The body of the request did not arrive in time.');
      this.incoming?.break();
    } else if (this.mayHaveChanged) {
      this.retryLater('outcome-unknown', UNAVAILABLE_DETAIL.outcomeUnknown, 1000);
    } else {
      this.retryLater('overloaded', 'This could not be answered in time; nothing was changed.', 1000);
    }
  }

  protected override finish(): void {
    const { route, services } = this;
    this.res = null;
    services.deadlines.unwatch(this);
    if (route !== null) services.counters.answered(route.index, this.status, performance.now() - this.startedMs);
    if (this.held === 0) this.release();
  }

  /** Returns to the pool, if nothing can call it any more. */
  protected override release(): void {
    if (this.route === null) return;
    const isReusable = this.bodyDone;
    this.route = null;
    if (!isReusable) return;
    this.caller = '';
    this.role = 'user';
    this.url = '';
    this.method = '';
    this.accept = '';
    this.acceptEncoding = '';
    this.incoming = null;
    this.onGone = null;
    this.rawQuery = '';
    this.body = undefined;
    this.text = '';
    this.bodyText.clear();
    this.verdict = null;
    this.hasToken = false;
    this.commanded = false;
    this.working = false;
    this.isPaused = false;
    this.after = 'keep';
    this.status = 200;
    this.recycle(this);
  }
}

const BAD_KEY_DETAIL = 'An Idempotency-Key is 1 to 255 visible ASCII characters, and a request has only one.';

const bodySizeDetail = ({ bodyBytesMax }: ExchangeRoute): string => `The body may have ${bodyBytesMax} bytes at most.`;
