/**
 * The answers that the API gives, as status, headers and body; connection.ts sends them. It holds
 * nothing of its own: only the first answer to a request is sent, and later ones are dropped.
 */
import type { Refusal } from '../../domain/outcome.js';
import type { CommandReply, ControlError, Done, QueryReply } from '../../engine/engine.js';
import type { HttpResponse } from '../../platform/uws.js';
import { type FieldError, PROBLEMS, type ProblemSlug } from '../api/problem.js';
import { type ProblemMembers, problemJson } from '../api/problem-json.js';
import { slugOfRefusal, slugOfUnavailable, UNAVAILABLE_DETAIL } from '../api/refusal-problem.js';
import { AnswerBytes } from '../fast/answer-bytes.js';
import { isoTime } from '../fast/iso-time.js';
import type { Services } from '../server/services.js';
import type { Caller } from './caller.js';
import type { Connection } from './connection.js';
import type { IncomingRequest } from './request.js';
import { statusLine } from './status-line.js';

/** One sentence for both, so that codes can't be found by trying. */
const CODE_NOT_FOUND = 'Coupon not found';
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

interface AnswerWriterOptions {
  readonly services: Services;
  readonly connection: Connection;
  readonly request: IncomingRequest;
  readonly caller: Caller;
}

export class AnswerWriter {
  /** Who gets the answer. */
  readonly caller: Caller;
  private readonly services: Services;
  private readonly connection: Connection;
  private readonly request: IncomingRequest;

  constructor({ services, connection, request, caller }: AnswerWriterOptions) {
    this.services = services;
    this.connection = connection;
    this.request = request;
    this.caller = caller;
  }

  // -- successes ----------------------------------------------------------------------------------

  /** JSON; `extra` is more headers, each with a leading CRLF. */
  json(status: number, body: string, extra = ''): void {
    if (status !== 200 || extra !== '') {
      this.send(status, JSON_TYPE, body, extra);
      return;
    }
    hotHead.begin().ascii(this.request.id);
    if (this.request.corsHeaders !== '') hotHead.ascii(this.request.corsHeaders);
    this.connection.send(200, hotHead.written, body);
  }

  /** The answer to a change, with its position in the order of its shard. */
  changed(status: number, body: string, done: Done, extra = ''): void {
    if (this.request.isDryRun === true) {
      this.json(status, body, extra);
      return;
    }
    if (status === 200 && extra === '') {
      this.connection.send(200, this.hotHeadOf(done), body);
      return;
    }
    const header = `\r\nCommit-Seq: ${done.shard}-${done.seq}`;
    this.send(status, JSON_TYPE, body, (done.replayed ? `${header}\r\nIdempotency-Replayed: true` : header) + extra);
  }

  /** Where the body of a hot answer is written; `changedAsWritten` sends it. */
  write(): AnswerBytes {
    return hotBody.begin();
  }

  /** `changed` with 200 and the body that was written. */
  changedAsWritten(done: Done): void {
    if (this.request.isDryRun === true) this.json(200, nothingDrawn(hotBody.written));
    else this.connection.send(200, this.hotHeadOf(done), hotBody.written);
  }

  private hotHeadOf({ shard, seq, replayed }: Done): Uint8Array {
    hotHead.begin().ascii(this.request.id).ascii('\r\nCommit-Seq: ').whole(shard).ascii('-').whole(seq);
    if (replayed) hotHead.ascii('\r\nIdempotency-Replayed: true');
    if (this.request.corsHeaders !== '') hotHead.ascii(this.request.corsHeaders);
    return hotHead.written;
  }

  send(status: number, type: string, body: string | Uint8Array, extra: string): void {
    this.connection.send(status, beginningOf(status, type) + this.ownHeaders(extra), body);
  }

  /** A file whose path names its version, so that whoever has it never needs to ask again. */
  file(type: string, body: string | Uint8Array, extra: string): void {
    const beginning = beginningOf(200, type, 'public, max-age=31536000, immutable');
    this.connection.send(200, beginning + this.ownHeaders(extra), body);
  }

  /** As `Connection.beginStream`; the answer is a 200 of this type. */
  beginStream(type: string, extra: string, onGone: () => void): HttpResponse | null {
    return this.connection.beginStream(beginningOf(200, type) + this.ownHeaders(extra), onGone);
  }

  /** What follows `beginningOf` in the answer to this request. */
  private ownHeaders(extra: string): string {
    return this.request.id + this.request.corsHeaders + extra;
  }

  finishStream(): void {
    this.connection.finishStream();
  }

  /** `detail`: what the request needs besides its shard. */
  dryRunNotPossible(detail = 'More than one part of the engine decides this.'): void {
    this.problem('dry-run-not-possible', detail);
  }

  // -- problems -----------------------------------------------------------------------------------

  problem(
    slug: ProblemSlug,
    detail: string,
    errors: readonly FieldError[] = [],
    extra = '',
    members?: ProblemMembers,
  ): void {
    const { status } = PROBLEMS[slug];
    if (this.request.hasOlderBodies) {
      this.olderProblem(status, detail, extra);
      return;
    }
    this.send(status, PROBLEM_TYPE, problemJson(slug, detail, this.request.id, errors, members), extra);
  }

  /** As older clients of flash sales read it. They repeat the request while the status is 500. */
  private olderProblem(status: number, detail: string, extra: string): void {
    if (status < 500) {
      this.json(status, JSON.stringify({ error: detail }), extra);
      return;
    }
    const wait = extra.includes('Retry-After') ? extra : `${extra}\r\nRetry-After: 1`;
    this.json(500, '{"status":"error","msg":"Order processing failed"}', wait);
  }

  unauthenticated(detail: string): void {
    const error = this.caller.hasToken ? ', error="invalid_token"' : '';
    this.problem('unauthenticated', detail, [], `\r\nWWW-Authenticate: Bearer realm="clipbook"${error}`);
  }

  invalid(errors: readonly FieldError[]): void {
    const first = errors[0];
    const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
    this.problem('validation', `${where}${first?.message ?? 'The request is not valid'}.`, errors);
  }

  retryLater(slug: ProblemSlug, detail: string, afterMs: number, members?: ProblemMembers): void {
    this.problem(slug, detail, [], `\r\nRetry-After: ${Math.max(1, Math.ceil(afterMs / 1000))}`, members);
  }

  /** For what makes the rest of the connection useless or unsafe. */
  refuseAndClose(slug: ProblemSlug, detail: string): void {
    this.connection.closeAfter();
    this.problem(slug, detail);
  }

  /** Answers 404 for a code, and counts it against a user. */
  codeNotFound(): void {
    if (!this.connection.isOver) this.caller.countMiss();
    this.problem('code-not-found', CODE_NOT_FOUND);
  }

  refuse(reply: Exclude<CommandReply | QueryReply, { readonly kind: 'done' | 'result' }>): void {
    if (reply.kind === 'unavailable') {
      this.retryLater(slugOfUnavailable(reply.reason), UNAVAILABLE_DETAIL[reply.reason], reply.retryAfterMs);
      return;
    }
    // For a user, another user's code does not exist.
    if (reply.reason === 'codeNotFound' || (reply.isOthersCode === true && this.caller.role === 'user')) {
      this.codeNotFound();
      return;
    }
    this.refuseWith(reply);
  }

  private refuseWith(refusal: Refusal): void {
    const { reason, detail, retryAtMs } = refusal;
    const slug = slugOfRefusal(reason);
    const members = membersOf(refusal);
    if (retryAtMs !== undefined) {
      this.retryLater(slug, detail, retryAtMs - this.services.nowMs(), members);
      return;
    }
    if (PROBLEMS[slug].status === 503) {
      this.retryLater(slug, detail, 1000);
      return;
    }
    this.problem(slug, detail, [], '', members);
  }

  refuseControl({ reason, message, path }: ControlError): void {
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
        this.outcomeUnknown();
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

  overloaded(): void {
    this.retryLater('overloaded', UNAVAILABLE_DETAIL.overloaded, 1000);
  }

  outcomeUnknown(): void {
    this.retryLater('outcome-unknown', UNAVAILABLE_DETAIL.outcomeUnknown, 1000);
  }
}

/** In a dry run nothing is drawn: no code of the pool, and no id. */
function nothingDrawn(body: Uint8Array): string {
  const text = Buffer.from(body).toString();
  return text.replace('"code":""', '"code":null').replace('"redemptionId":""', '"redemptionId":null');
}

/** Most refusals have none. */
function membersOf({ heldUntilMs, missing }: Refusal): ProblemMembers | undefined {
  if (heldUntilMs === undefined && missing === undefined) return undefined;
  return {
    ...(heldUntilMs !== undefined && { heldUntil: isoTime(heldUntilMs) }),
    ...(missing !== undefined && { missing }),
  };
}
