/**
 * One request and its answer: the only wrapper around uWebSockets.js, for every route.
 *
 *     begin ─▶ head ─▶ body complete? ─┐
 *                └──▶ token known? ────┴─▶ role ▸ parameters ▸ query ▸ body ▸ own userId ─▶ handler ─▶ answer
 *
 * An exchange is put together from parts, each with fields of its own:
 *
 *     connection   the uWebSockets.js response: what is read and written, and what comes after
 *     caller       who sends the request, and from where
 *     request      the request as it was read
 *     answer       the answers of the API; the connection sends them
 *     work         what is under way: commands, queries and async work
 *
 * This file leads a request through its checks to its handler, and ends it. A handler uses
 * `request`, `caller`, `answer`, `work` and `services`.
 *
 * Exchanges are pooled with their parts, and their callbacks are bound once: a request on the hot
 * path makes a command, its origin and a few strings, no promise and no closure. The price is that
 * an exchange must not be used again while anybody may still call it: it goes back to its pool only
 * when it is answered (or aborted), its body has ended, and nothing holds it (`Work.hold`). One
 * that is answered before its body came is never reused.
 */

// The global of this name is a getter, which is called each time.
import { performance } from 'node:perf_hooks';
import type { HttpRequest, HttpResponse } from '../../platform/uws.js';
import type { ProblemSlug } from '../api/problem.js';
import { COMMON_DEADLINE_MS, type Watched } from '../server/deadlines.js';
import { HEAD_BYTES_MAX } from '../server/head-limit.js';
import type { Expiring, Services } from '../server/services.js';
import { AnswerWriter, JSON_TYPE } from './answer-writer.js';
import type { TokenCheck } from './auth.js';
import { type BodyStream, createBodyStream, STREAM_WINDOW_MS } from './body-stream.js';
import { Caller } from './caller.js';
import { Connection } from './connection.js';
import { serveOwnCode } from './guesses.js';
import type { HandledRoute } from './handled-route.js';
import { parseJsonBody } from './json-body.js';
import { validateParams } from './path-params.js';
import { IncomingRequest } from './request.js';
import { contentEncodingDetail, head, readHead } from './request-head.js';
import { fieldErrors } from './validation.js';
import { Work } from './work.js';

/** How long the rest of a body is dropped after the answer, so that the client can read it. */
const LINGER_MS = 5_000;

export type ExchangeRoute = HandledRoute<Exchange>;

export class Exchange implements Expiring {
  readonly services: Services;
  readonly request: IncomingRequest;
  readonly caller: Caller;
  readonly answer: AnswerWriter;
  readonly work: Work;
  readonly watched: Watched<Expiring> = { older: null, newer: null, deadlineMs: 0, listedIn: 'nothing' };

  private readonly connection: Connection;
  /** Null: it waits for a request. */
  private route: ExchangeRoute | null = null;
  private startedMs = 0;
  private readonly recycle: (exchange: Exchange) => void;

  /** `recycle` gets it back when it may be used for another request. */
  constructor(services: Services, recycle: (exchange: Exchange) => void) {
    const connection = new Connection(services, {
      bodyChunk: (chunk, isLast) => this.takeChunk(chunk, isLast),
      closing: () => services.deadlines.watchFor(this, LINGER_MS),
      aborted: () => this.abort(),
      ended: () => this.finish(),
    });
    const caller = new Caller(services, connection);
    const request = new IncomingRequest(caller);
    const answer = new AnswerWriter({ services, connection, request, caller });
    const onIdle = (): void => {
      if (connection.isEnded) this.release();
    };
    this.services = services;
    this.connection = connection;
    this.caller = caller;
    this.request = request;
    this.answer = answer;
    this.work = new Work({ services, connection, request, answer, onIdle });
    this.recycle = recycle;
  }

  /** Answered or aborted. */
  get isOver(): boolean {
    return this.connection.isOver;
  }

  // -- the request --------------------------------------------------------------------------------

  /** The whole of a uWebSockets.js handler. Never throws. */
  begin(res: HttpResponse, req: HttpRequest, route: ExchangeRoute, isHead: boolean): void {
    const { services, connection, request, caller, answer, work } = this;
    readHead(req);
    const isChunked = head.hasTransferEncoding;
    this.route = route;
    this.startedMs = performance.now();
    request.begin(req, route, services.newRequestId);
    if (services.cors !== null) request.corsHeaders = services.cors.headersFor(req.getHeader('origin'));
    caller.begin(head);
    work.begin(route.changes);
    connection.begin(res, isHead, head.closes, isChunked);
    if (route.deadlineMs === COMMON_DEADLINE_MS) services.deadlines.watch(this);
    else services.deadlines.watchFor(this, route.deadlineMs);

    if (head.refusal !== '') {
      connection.cutAfter();
      answer.problem('malformed-request', head.refusal);
      return;
    }
    if (head.bytes > HEAD_BYTES_MAX) {
      this.refuseUnread('head-too-large', `The headers may have ${HEAD_BYTES_MAX} bytes at most.`);
      return;
    }
    // The library parses trailers as requests. Only changes wait until they are parsed.
    if (isChunked && !route.changes) {
      connection.cutAfter();
      if (request.url !== '') this.advance();
      else answer.problem('malformed-request', 'A GET or HEAD request takes no chunked body.');
      return;
    }
    if (services.isOverloaded()) {
      services.counters.add('overloaded', 1);
      connection.closeAfter();
      answer.overloaded();
      return;
    }
    // Before anything is parsed: past the knee, refusing must cost less than answering.
    if (route.change && services.engine.isFull()) {
      services.counters.add('overloaded', 1);
      answer.overloaded();
      return;
    }
    if (head.contentLength > route.bodyBytesMax) {
      this.refuseUnread('body-too-large', bodySizeDetail(route));
      return;
    }
    if (head.contentEncoding !== '' && (route.body !== null || route.streamed)) {
      this.refuseUnread('unsupported-media-type', contentEncodingDetail(head));
      return;
    }
    if (route.takesToken) this.authenticate(head.authorization);
    if (route.streamed) request.stream = this.openStream(res);
    if (route.body !== null || route.streamed || isChunked) connection.awaitBody();
    // A complete body asks for its turn itself.
    if (connection.isBodyDone || route.streamed) this.advance();
  }

  /** Refuses by the head alone, so that the client can read it while it sends the body. */
  private refuseUnread(slug: ProblemSlug, detail: string): void {
    this.connection.awaitBody();
    this.answer.refuseAndClose(slug, detail);
  }

  /** Starts looking at the token; `advance` goes on when it is known. */
  private authenticate(authorization: string): void {
    const nowMs = this.services.nowMs();
    if (this.caller.recognize(authorization, nowMs)) return;
    this.work.hold();
    this.services.tokens.verify(authorization, nowMs, this.onTokenChecked);
  }

  private readonly onTokenChecked = (check: TokenCheck | null): void => {
    this.caller.verified(check);
    if (check === null) this.answer.overloaded();
    else this.advance();
    this.work.release();
  };

  private takeChunk(chunk: ArrayBuffer, isLast: boolean): void {
    const { connection, request, route } = this;
    if (route === null) return;
    const { stream, bodyText } = request;
    if (stream !== null) {
      this.services.counters.add('uploadBytes', chunk.byteLength);
      if (isLast) connection.bodyTaken();
      stream.push(chunk, isLast);
      return;
    }
    bodyText.add(chunk, isLast, route.bodyBytesMax);
    if (bodyText.bytes > route.bodyBytesMax) {
      this.answer.refuseAndClose('body-too-large', bodySizeDetail(route));
      if (isLast) connection.bodyDropped();
    } else if (isLast) {
      connection.bodyTaken();
      this.advance();
    }
  }

  private openStream(res: HttpResponse): BodyStream {
    const { connection, services } = this;
    return createBodyStream({
      pause: () => connection.pauseReading(res),
      resume: () => connection.resumeReading(res),
      onProgress: () => this.extendDeadline(STREAM_WINDOW_MS),
      nowMs: services.nowMs,
    });
  }

  /** Goes on to the handler once the token is verified and the body is there. */
  private advance(): void {
    const { route, connection, caller, request, answer } = this;
    if (route === null || connection.isOver || caller.isPending) return;
    if (!connection.isBodyDone && !route.streamed) return;
    if (!this.isAllowed(route) || !this.areParamsValid(route)) return;
    if (request.idempotencyKey === null) {
      answer.problem('bad-idempotency-key', BAD_KEY_DETAIL);
      return;
    }
    if (request.isDryRun !== false && !this.mayDryRun(route)) return;
    let query: unknown;
    if (route.query !== null) {
      const parsed = route.query.parse(request.rawQuery);
      if (!parsed.success) {
        answer.invalid(fieldErrors(parsed.error));
        return;
      }
      query = parsed.data;
    }
    if (!this.isBodyValid(route)) return;
    if (route.ownUser !== null && caller.role === 'user' && !this.isOpen(route) && !this.isOwnUser(route)) {
      answer.problem('forbidden', 'A token of the role user acts for its own userId only.');
      return;
    }
    if (route.guessable && caller.role === 'user') {
      const untilMs = caller.missesBlockedUntilMs();
      if (untilMs > 0) {
        serveOwnCode(this, untilMs, () => this.handle(route, query));
        return;
      }
    }
    this.handle(route, query);
  }

  private handle(route: ExchangeRoute, query: unknown): void {
    try {
      route.handle(this, this.request.body, query);
    } catch (error) {
      this.work.fail(error);
    }
  }

  private isAllowed(route: ExchangeRoute): boolean {
    if (route.roles === null || this.isOpen(route)) return true;
    const { caller, answer } = this;
    const fault = caller.tokenFault;
    if (fault !== null) {
      answer.unauthenticated(fault);
      return false;
    }
    if (route.roles.includes(caller.role)) return true;
    answer.problem('forbidden', `This needs the role ${route.roles.join(' or ')}.`);
    return false;
  }

  private isOpen({ openInDevelopment }: ExchangeRoute): boolean {
    return openInDevelopment && this.services.flash.isOpen;
  }

  private areParamsValid(route: ExchangeRoute): boolean {
    const error = validateParams(route, this.request.params);
    if (error !== null) this.answer.invalid([error]);
    return error === null;
  }

  private isBodyValid(route: ExchangeRoute): boolean {
    if (route.body === null) return true;
    const { request } = this;
    const { text } = request.bodyText;
    const fast = request.contentType === JSON_TYPE && text !== null ? (route.fastBody?.(text) ?? null) : null;
    if (fast !== null) {
      request.body = fast;
      return true;
    }
    const parsed = parseJsonBody(route.body, text, request.contentType, route.bodyOptional);
    if (parsed.kind === 'value') {
      request.body = parsed.value;
      return true;
    }
    this.answer.problem(parsed.slug, parsed.detail, parsed.errors);
    return false;
  }

  private mayDryRun({ dryRun }: ExchangeRoute): boolean {
    const { request, answer } = this;
    if (request.isDryRun === null) answer.invalid([{ path: 'dryRun', message: 'Not one of true, false' }]);
    else if (!dryRun) answer.dryRunNotPossible();
    return request.isDryRun === true && dryRun;
  }

  private isOwnUser(route: ExchangeRoute): boolean {
    const { request, caller } = this;
    if (route.ownUser === 'param') return request.param(route.paramNames.indexOf('userId')) === caller.id;
    const { userId } = request.body as { readonly userId?: string };
    return userId === caller.id || (userId === undefined && route.ownUser === 'bodyIfNamed');
  }

  // -- the end ------------------------------------------------------------------------------------

  /**
   * As `AnswerWriter.beginStream`, for a stream that stays open: it has no deadline, and a stop of
   * the server does not wait for it.
   */
  beginLongStream(type: string, extra: string, onGone: () => void): HttpResponse | null {
    this.services.deadlines.unwatch(this);
    return this.answer.beginStream(type, extra, onGone);
  }

  /** From now on it may take this long. */
  extendDeadline(ms: number): void {
    if (!this.isOver) this.services.deadlines.watchFor(this, ms);
  }

  /**
   * The server stops. Answers a change whose outcome is not known; the others see a cut connection.
   */
  giveUp(): void {
    if (this.connection.isBodyDone && this.work.mayHaveChanged) this.expire();
  }

  expire(): void {
    const { services, connection, request, answer } = this;
    if (connection.isOver) {
      services.deadlines.unwatch(this);
      connection.endNow();
      return;
    }
    services.counters.add('timedOut', 1);
    if (!connection.isBodyDone) {
      if (request.stream !== null && !request.stream.isStarving()) {
        this.extendDeadline(STREAM_WINDOW_MS);
        return;
      }
      answer.refuseAndClose('request-timeout', 'The body of the request did not arrive in time.');
      request.stream?.break();
    } else if (this.work.mayHaveChanged) {
      answer.outcomeUnknown();
    } else {
      answer.retryLater('overloaded', 'This could not be answered in time; nothing was changed.', 1000);
    }
  }

  private abort(): void {
    // What follows this request may have ended the connection. Then the command must not happen.
    this.work.withdraw();
    this.services.counters.add('aborted', 1);
    this.request.stream?.break();
  }

  private finish(): void {
    const { route, services } = this;
    services.deadlines.unwatch(this);
    if (route !== null) {
      services.counters.answered(route.index, this.connection.status, performance.now() - this.startedMs);
    }
    if (!this.work.isHeld) this.release();
  }

  /** Returns to the pool, if nothing can call it any more. */
  private release(): void {
    if (this.route === null) return;
    this.route = null;
    if (!this.connection.isBodyDone) return;
    this.connection.clear();
    this.caller.clear();
    this.request.clear();
    this.work.clear();
    this.recycle(this);
  }
}

const BAD_KEY_DETAIL = 'An Idempotency-Key is 1 to 255 visible ASCII characters, and a request has only one.';

const bodySizeDetail = ({ bodyBytesMax }: ExchangeRoute): string => `The body may have ${bodyBytesMax} bytes at most.`;
