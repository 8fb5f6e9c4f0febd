/**
 * The OpenAPI 3.1 description, made from the route table and its schemas: what is described is what is validated.
 * Bodies are described as they are sent (`io: input`: defaults are optional), answers as they come (`io: output`).
 */
import { z } from 'zod';
import { PROBLEMS, type ProblemSlug } from './problem.js';
import type { Answer, Route } from './route.js';
import { named, problemOut } from './schemas.js';

type Json = Record<string, unknown>;

export function describeApi(routes: readonly Route[], version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    paths[route.path] ??= {};
    (paths[route.path] as Json)[route.method.toLowerCase()] = operation(route);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Clipbook',
      version,
      description:
        'Coupon books, unique codes and their redemptions. Every change that was answered with 2xx is durable. Errors are RFC 9457 problems; their `type` is a page that explains them.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(routes.map(({ spec }) => spec.tag))].map((name) => ({ name })),
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
      schemas: { ...componentsOf(routes) },
    },
  };
}

function operation(route: Route): Json {
  const { spec } = route;
  const description = [spec.description, accessText(route)].filter((text) => text !== undefined).join(' ');
  return {
    operationId: spec.id,
    tags: [spec.tag],
    summary: spec.summary,
    description,
    ...(route.roles === null ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...(spec.body === undefined ? {} : { requestBody: requestBody(route) }),
    responses: responsesOf(route),
  };
}

function accessText({ roles, ownUser }: Route): string {
  if (roles === null) return 'Needs no token.';
  const own = ownUser !== null && roles.includes('user') ? ' A user acts for its own userId only.' : '';
  return `For the roles ${roles.join(', ')}.${own}`;
}

function parametersOf(route: Route): Json[] {
  const inPath = route.paramNames.map((name, i) => ({
    name,
    in: 'path',
    required: true,
    schema: inline(route.paramSchemas[i] ?? z.string()),
  }));
  const shape = Object.entries(route.spec.query?.shape ?? {}) as [string, z.ZodType][];
  const inQuery = shape.map(([name, schema]) => ({ name, in: 'query', required: false, schema: inline(schema) }));
  const headers: Json[] = [];
  if (route.change) {
    const about = 'Sent again with the same key, a request that succeeded is answered again and not done again.';
    const schema = { type: 'string', minLength: 1, maxLength: 255, pattern: '^[\\x21-\\x7e]+$' };
    headers.push({ name: 'Idempotency-Key', in: 'header', required: false, description: about, schema });
  }
  if (route.spec.ifMatch === true) {
    headers.push({ name: 'If-Match', in: 'header', required: false, schema: { type: 'string' } });
  }
  return [...inPath, ...inQuery, ...headers];
}

function requestBody({ spec, bodyOptional }: Route): Json {
  const { body } = spec;
  const types = body !== undefined && 'streamed' in body ? body.types : { 'application/json': body };
  const content = Object.entries(types).map(([type, schema]) => [type, { schema: refTo(schema) }]);
  return { required: !bodyOptional, content: Object.fromEntries(content) as Json };
}

function responsesOf(route: Route): Json {
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.spec.answers)) responses[status] = success(route, answer);
  const slugs = [...new Set([...route.spec.problems, ...commonProblems(route)])];
  for (const status of new Set(slugs.map((slug) => PROBLEMS[slug].status))) {
    const own = slugs.filter((slug) => PROBLEMS[slug].status === status);
    const description = own.map((slug) => `${PROBLEMS[slug].title} (\`/problems/${slug}\`)`).join('; ');
    const content = { 'application/problem+json': { schema: refTo(problemOut) } };
    const known = responses[status];
    responses[status] =
      known === undefined
        ? { description, content }
        : { ...known, content: { ...(known['content'] as Json | undefined), ...content } };
  }
  return responses;
}

function success(route: Route, { description, schema, type = 'application/json' }: Answer): Json {
  const headers: Json = { 'X-Request-Id': { schema: { type: 'string' } } };
  if (route.change) {
    headers['Commit-Seq'] = {
      description: "<shard>-<seq>, its place in its shard's order",
      schema: { type: 'string' },
    };
    headers['Idempotency-Replayed'] = { description: 'true: answered again', schema: { type: 'string' } };
  }
  return { description, headers, ...(schema === null ? {} : { content: { [type]: { schema: refTo(schema) } } }) };
}

/** What a route can answer because of what it is. */
export function commonProblems(route: Route): ProblemSlug[] {
  const slugs: ProblemSlug[] = ['malformed-request', 'head-too-large', 'overloaded', 'internal'];
  if (route.roles !== null) slugs.push('unauthenticated', 'forbidden', 'unavailable');
  if (route.paramNames.length > 0 || route.query !== null) slugs.push('validation');
  if (route.body !== null) slugs.push('validation', 'unsupported-media-type');
  if (route.body !== null || route.streamed) slugs.push('body-too-large', 'request-timeout');
  if (route.change) {
    slugs.push('bad-idempotency-key', 'idempotency-key-reused', 'no-room', 'draining');
  }
  if (route.changes) slugs.push('outcome-unknown');
  if (route.guessable) slugs.push('too-many-misses');
  return slugs;
}

/** A reference where the schema has a name, else the schema itself. */
function refTo(schema: z.ZodType | undefined): Json {
  if (schema === undefined) return {};
  const id = named.get(schema)?.id;
  return id === undefined ? inline(schema) : { $ref: `#/components/schemas/${id}` };
}

function inline(schema: z.ZodType): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}

function componentsOf(routes: readonly Route[]): Json {
  const sent = new Set(routes.flatMap(({ spec: { body } }) => bodySchemas(body)));
  const uri = (id: string): string => `#/components/schemas/${id}`;
  const input = z.toJSONSchema(named, { io: 'input', uri }).schemas;
  const output = z.toJSONSchema(named, { io: 'output', uri }).schemas;
  const inputIds = new Set([...sent].map((schema) => named.get(schema)?.id));
  return Object.fromEntries(
    Object.keys(output).map((id) => {
      const { $schema: _, $id: __, ...schema } = (inputIds.has(id) ? input[id] : output[id]) as Json;
      return [id, schema];
    }),
  );
}

function bodySchemas(body: Route['spec']['body']): z.ZodType[] {
  if (body === undefined) return [];
  return 'streamed' in body ? Object.values(body.types) : [body];
}
