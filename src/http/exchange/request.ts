/**
 * The request as it was read: the headers that are kept, the path's parameters, the query, the
 * body, and what the engine is told of it.
 */

import type { Origin } from '../../domain/command.js';
import type { HttpRequest } from '../../platform/uws.js';
import type { BodyStream } from './body-stream.js';
import { BodyText } from './body-text.js';
import type { Caller } from './caller.js';
import { fingerprintOf } from './fingerprint.js';
import type { HandledRoute } from './handled-route.js';
import { head, idempotencyKeyOf, isSaneRequestId } from './request-head.js';

export class IncomingRequest {
  /** The client's `X-Request-Id`, or one of our own. */
  id = '';
  routeId = '';
  /** Raw, for the few handlers that need them. */
  ifMatch = '';
  contentType = '';
  /**
   * What CORS adds to every answer, each header with a leading CRLF. Set where `Services.cors` is
   * there, and '' otherwise.
   */
  corsHeaders = '';
  /** Set before `begin` where no route matched. */
  url = '';
  method = '';
  /** Set before `begin` for a route that negotiates. */
  accept = '';
  acceptEncoding = '';
  lastEventId = '';
  rawQuery = '';
  /** Of the path, in its order; raw until they are validated. */
  readonly params: string[] = [];
  /** `?dryRun=true`: only tell what the change would be answered with. Null: it is invalid. */
  isDryRun: boolean | null = false;
  /** Its problems are told in the words of older flash sales. */
  hasOlderBodies = false;
  /** '': none was sent; null: it is invalid. */
  idempotencyKey: string | null = '';
  /** Collects the body of a route that takes JSON. */
  readonly bodyText = new BodyText();
  /** The same as the route's schema makes it. */
  body: unknown;
  /** The body of a route that streams it. */
  stream: BodyStream | null = null;

  private readonly caller: Caller;

  constructor(caller: Caller) {
    this.caller = caller;
  }

  /** After `readHead`. */
  begin(req: HttpRequest, route: HandledRoute<never>, newRequestId: () => string): void {
    this.id = head.requestId !== '' && isSaneRequestId(head.requestId) ? head.requestId : newRequestId();
    this.routeId = route.id;
    this.hasOlderBodies = route.olderBodies;
    this.ifMatch = head.ifMatch;
    this.contentType = head.contentType;
    this.idempotencyKey = route.change ? idempotencyKeyOf(head) : '';
    const paramCount = route.paramSchemas.length;
    for (let i = 0; i < paramCount; i++) this.params[i] = req.getParameter(i) ?? '';
    if (this.params.length !== paramCount) this.params.length = paramCount;
    if (route.query !== null) this.rawQuery = req.getQuery();
    if (route.change) this.isDryRun = dryRunOf(req.getQuery('dryRun'));
  }

  clear(): void {
    this.url = '';
    this.method = '';
    this.accept = '';
    this.acceptEncoding = '';
    this.lastEventId = '';
    this.rawQuery = '';
    this.isDryRun = false;
    this.bodyText.clear();
    this.body = undefined;
    this.stream = null;
  }

  /** The parameter of the path at this index, validated. */
  param(index: number): string {
    return this.params[index] ?? '';
  }

  /** The key, which is then no key of the whole request any more; '': none was sent. */
  takeIdempotencyKey(): string {
    const key = this.idempotencyKey ?? '';
    this.idempotencyKey = '';
    return key;
  }

  origin(): Origin {
    const key = this.idempotencyKey;
    return {
      caller: this.caller.id,
      requestId: this.id,
      idempotency:
        key === null || key === '' ? null : { key, fingerprint: fingerprintOf(this.routeId, this.params, this.body) },
    };
  }

  /** The same for a body that was streamed. */
  originOf(bodyFingerprint: number): Origin {
    const origin = this.origin();
    if (origin.idempotency === null) return origin;
    const fingerprint = fingerprintOf(this.routeId, this.params, bodyFingerprint);
    return { ...origin, idempotency: { key: origin.idempotency.key, fingerprint } };
  }

  /** An idempotency key's scope: who sent it, and the key; null without one. */
  idempotencyScope(): string | null {
    const key = this.idempotencyKey;
    return key === null || key === '' ? null : `${this.caller.id}\0${key}`;
  }
}

function dryRunOf(text: string | undefined): boolean | null {
  if (text === undefined || text === '' || text === 'false') return false;
  return text === 'true' ? true : null;
}
