/**
 * What a route is. Routing, validation, authorization and the OpenAPI description all come from one
 * table of these; a handler sees nothing that was not validated and allowed.
 */
import { z } from 'zod';
import type { Role } from '../../engine/engine.js';
import type { Exchange, ExchangeRoute } from '../exchange/exchange.js';
import { isCanonicalCode } from '../fast/canonical-code.js';
import type { FastReader } from '../fast/fast-bodies.js';
import { COMMON_DEADLINE_MS } from '../server/deadlines.js';
import type { ProblemSlug } from './problem.js';
import * as schemas from './schemas.js';
import type { Tag } from './tags.js';

export const ANY_ROLE: readonly Role[] = ['admin', 'service', 'user'];
export const ADMIN_OR_SERVICE: readonly Role[] = ['admin', 'service'];

export type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

/** A body that is not read as JSON before the handler runs, but by it: `IncomingRequest.stream`. */
interface StreamedBody {
  readonly streamed: true;
  /** Media type → schema, for the description. */
  readonly types: Readonly<Record<string, z.ZodType>>;
}

/**
 * Headers that some answers have always, besides those that follow from what a route is: see
 * openapi-headers.ts.
 */
export type AnswerHeader = 'ETag' | 'Location';

export interface Answer {
  readonly description: string;
  /** Null: no body. */
  readonly schema: z.ZodType | null;
  /** `application/json` unless told. */
  readonly type?: string;
  /** Media type → schema, where `Accept` chooses between several. */
  readonly others?: Readonly<Record<string, z.ZodType>>;
  readonly headers?: readonly AnswerHeader[];
}

export interface RouteSpec<Body, Query> {
  /** operationId of the description, and what an idempotency key's fingerprint begins with. */
  readonly id: string;
  readonly method: Method;
  /** With `{name}` for each of `params`, in their order. */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description?: string;
  /** The id of the operation that new clients use instead; this one is deprecated. */
  readonly replacedBy?: string;
  /** A file that a page loads: served and counted, but no operation of the API. */
  readonly asset?: boolean;
  /** Which roles may call it; `public` needs no token. */
  readonly access: 'public' | readonly Role[];
  /** It is public, and still reads a token that is sent. */
  readonly takesToken?: boolean;
  /**
   * Where the `userId` is that has to be the caller's own when its role is `user`. `bodyIfNamed`:
   * the body may name none.
   */
  readonly ownUser?: 'body' | 'bodyIfNamed' | 'param';
  /** Takes codes that a caller could be guessing: unknown ones count as misses. */
  readonly guessable?: boolean;
  readonly params?: Readonly<Record<string, z.ZodType<string>>>;
  readonly query?: z.ZodObject & z.ZodType<Query>;
  readonly body?: z.ZodType<Body> | StreamedBody;
  /** Reads the form that most bodies have, with the schema's result but faster. */
  readonly fastBody?: FastReader<unknown>;
  /** An absent body is `{}`. */
  readonly bodyOptional?: boolean;
  readonly bodyBytesMax?: number;
  /** Shards change by it, so it takes an idempotency key and answers with `Commit-Seq`. */
  readonly change?: boolean;
  /** It takes `?dryRun=true`: its change is decided by one shard, without any work before. */
  readonly dryRun?: boolean;
  /** Outside production it needs no token. */
  readonly openInDevelopment?: boolean;
  /** Refusals are answered in the words of older flash sales: see `AnswerWriter.problem`. */
  readonly olderBodies?: boolean;
  /** It is a POST and changes nothing. */
  readonly changesNothing?: boolean;
  /** Honours `If-Match`. */
  readonly ifMatch?: boolean;
  /** Looks at `Accept` and `Accept-Encoding`, which are not read for others. */
  readonly negotiates?: boolean;
  /** How long it may take, where that is not `COMMON_DEADLINE_MS`. */
  readonly deadlineMs?: number;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Those it can answer besides what every route can: see `commonProblems`. */
  readonly problems: readonly ProblemSlug[];
  handle(exchange: Exchange, body: Body, query: Query): void;
}

/** A route of the table: the same with its types forgotten and its defaults filled in. */
export interface Route extends ExchangeRoute {
  readonly spec: RouteSpec<unknown, unknown>;
  readonly method: Method;
  readonly path: string;
}

const BODY_BYTES_MAX = 64 * 1024;

/** Checks that a handler fits its schemas, and forgets their types. */
export function route<Body = undefined, Query = undefined>(spec: RouteSpec<Body, Query>): RouteSpec<unknown, unknown> {
  // A handler is only ever called with what its own schemas made of the request.
  return spec as unknown as RouteSpec<unknown, unknown>;
}

export function compileRoute(spec: RouteSpec<unknown, unknown>, index: number): Route {
  const { body, params = {} } = spec;
  const inPath = [...spec.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
  if (inPath.join() !== Object.keys(params).join()) throw new Error(`${spec.id}: the path names other parameters`);
  const streamed = body !== undefined && 'streamed' in body;
  return {
    spec,
    id: spec.id,
    method: spec.method,
    path: spec.path,
    index,
    roles: spec.access === 'public' ? null : spec.access,
    takesToken: spec.access !== 'public' || spec.takesToken === true,
    ownUser: spec.ownUser ?? null,
    guessable: spec.guessable ?? false,
    paramNames: Object.keys(params),
    paramSchemas: Object.values(params),
    fastParams: Object.values(params).map((schema) => (schema === schemas.code ? isCanonicalCode : null)),
    query: spec.query === undefined ? null : compileQuery(spec.query),
    body: body === undefined || 'streamed' in body ? null : body,
    fastBody: spec.fastBody ?? null,
    streamed,
    bodyOptional: spec.bodyOptional ?? false,
    bodyBytesMax: streamed ? Number.POSITIVE_INFINITY : (spec.bodyBytesMax ?? BODY_BYTES_MAX),
    openInDevelopment: spec.openInDevelopment ?? false,
    olderBodies: spec.olderBodies ?? false,
    change: spec.change ?? false,
    dryRun: spec.dryRun ?? false,
    changes: spec.method !== 'GET' && spec.changesNothing !== true,
    deadlineMs: spec.deadlineMs ?? COMMON_DEADLINE_MS,
    handle: spec.handle,
  };
}

/**
 * A query string has only text, while its schema says numbers and booleans (and so does the
 * description): what is written like one becomes one where the schema expects it; the schema judges
 * the rest.
 */
function compileQuery(schema: z.ZodObject): NonNullable<ExchangeRoute['query']> {
  const kinds = new Map(Object.entries(schema.shape).map(([name, field]) => [name, innermostKind(field as z.ZodType)]));
  const typed = (name: string, text: string): unknown => {
    const kind = kinds.get(name);
    if (kind === 'number' && /^-?\d{1,15}$/.test(text)) return Number(text);
    if (kind === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
    return text;
  };
  return {
    parse(query) {
      // No prototype, so that no name is special; an array for a name that comes twice, which no
      // schema here takes.
      const fields: Record<string, unknown> = Object.create(null) as Record<string, unknown>;
      for (const [name, text] of new URLSearchParams(query)) {
        if (text.includes('\ufffd') && !isUtf8(query)) return NOT_UTF8.safeParse(query);
        fields[name] = name in fields ? [fields[name], text] : typed(name, text);
      }
      return schema.safeParse({ ...fields });
    },
  };
}

const NOT_UTF8 = z.unknown().refine(() => false, 'The query is not UTF-8');

/**
 * URLSearchParams and uWebSockets.js make U+FFFD of what is not UTF-8. Sent as itself, it is
 * percent-encoded as such.
 */
function isUtf8(query: string): boolean {
  if (query.includes('\ufffd')) return false;
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}

/** What is under `optional`, `default` and the like. */
function innermostKind(schema: z.ZodType): string {
  const { type, innerType } = schema.def as { readonly type: string; readonly innerType?: z.ZodType };
  return innerType === undefined ? type : innermostKind(innerType);
}
