/** Compares an answer with what the description says of it. */
import { ANSWER_HEADERS } from '../../src/http/api/openapi-headers.js';
import type { Route } from '../../src/http/api/route.js';

type Json = Readonly<Record<string, unknown>>;

export interface Description extends Json {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly headers: Readonly<Record<string, { readonly required: boolean }>>;
  };
}

interface Operation {
  readonly responses: Readonly<Record<string, Response>>;
}

interface Response {
  readonly description: string;
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: Json;
}

export interface Answered {
  readonly status: number;
  /** Null: it is not there. */
  header(name: string): string | null;
  readonly json: unknown;
}

/**
 * Sentences about what differs; none when the answer is as declared. Needs no more than the route
 * and the description.
 */
export function differences(api: Description, route: Route, { status, header, json }: Answered): string[] {
  const declared = api.paths[route.path]?.[route.method.toLowerCase()]?.responses[status];
  if (declared === undefined) return [`the status ${status} is not declared: ${JSON.stringify(json)}`];
  const found: string[] = [];
  for (const name of [...Object.keys(ANSWER_HEADERS), 'Allow']) {
    const ref = declared.headers?.[name]?.$ref.split('/').at(-1);
    const isThere = header(name) !== null;
    if (isThere && ref === undefined) found.push(`${name} is sent with ${status} and not declared`);
    if (!isThere && ref !== undefined && api.components.headers[ref]?.required === true) {
      found.push(`${name} is declared for ${status} and not sent`);
    }
  }
  const type = header('content-type')?.split(';')[0];
  const types = Object.keys(declared.content ?? {});
  if (type !== undefined && !types.includes(type)) found.push(`${type} is sent with ${status}, declared: ${types}`);
  if (type === undefined && types.length > 0 && status !== 204) found.push(`${status} has no Content-Type`);
  if (type === 'application/problem+json') {
    const slug = String((json as Json)['type']);
    if (!declared.description.includes(slug)) found.push(`${slug} is not named for ${status}`);
  }
  return [...found, ...bodyFaults(route, status, type, json)];
}

function bodyFaults(route: Route, status: number, type: string | undefined, json: unknown): string[] {
  if (type !== 'application/json') return [];
  const answer = route.spec.answers[status];
  const schema = answer?.type === undefined ? answer?.schema : answer.others?.['application/json'];
  const parsed = schema?.safeParse(json);
  if (parsed === undefined) return [`${status} has a JSON body without a schema`];
  return parsed.success ? [] : [`the body of ${status} is not as declared: ${parsed.error.message}`];
}
