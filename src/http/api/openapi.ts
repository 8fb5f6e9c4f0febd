/**
 * The OpenAPI 3.1 description, made from the route table, its schemas and the examples: what is
 * described is what is validated and answered. Tests compare the answers of a real server with it.
 */

import { z } from 'zod';
import type { Example, Examples } from './examples/example.js';
import { problemExample } from './examples/problems.js';
import { examplesOf } from './examples/table.js';
import { headerComponents, headersOfAnswer, headersOfProblems, REQUEST_HEADERS } from './openapi-headers.js';
import { answerComponents, answerSchema, bodySchema, type Json, parameterSchema } from './openapi-schemas.js';
import { PROBLEMS, type ProblemSlug } from './problem.js';
import type { Answer, Route } from './route.js';
import { problemOut } from './schemas.js';
import { TAGS } from './tags.js';

const PROBLEM_TYPE = 'application/problem+json';

const INTRODUCTION = `Coupon books with unique codes, their redemptions, promotions, and reservations of carts.

**Tokens.** Get one from \`POST /api/v1/auth/token\` and send it as \`Authorization: Bearer …\`.

**Durable.** A change that was answered with 2xx is on disk. \`Commit-Seq\` is its place in the order of its shard.

**Repeat safely.** Send an \`Idempotency-Key\` with each change. After a lost answer, repeat the request with the same key:
it is done once, and you get the same answer.

**Errors** are problems (RFC 9457, \`${PROBLEM_TYPE}\`). Their \`type\` is [a page](/problems) that says what the problem
means and what to do. With 429 and 503, \`Retry-After\` says when to try again; nothing was changed, except that after
[\`outcome-unknown\`](/problems/outcome-unknown) the change may be there.

**HEAD** works wherever GET does.`;

export function describeApi(routes: readonly Route[], version: string): Json {
  const described = routes.filter(({ spec }) => spec.asset !== true);
  const paths: Record<string, Json> = {};
  for (const route of described) {
    paths[route.path] ??= {};
    (paths[route.path] as Json)[route.method.toLowerCase()] = operation(route);
  }
  const used = new Set<string>(described.map(({ spec }) => spec.tag));
  return {
    openapi: '3.1.0',
    info: {
      title: 'Clipbook',
      version,
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This server' }],
    tags: TAGS.filter(({ name }) => used.has(name)),
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: '`accessToken` of the answer of `POST /api/v1/auth/token`.',
        },
      },
      headers: headerComponents(paths),
      examples: problemExamples(described),
      schemas: answerComponents(answeredSchemas(described)),
    },
  };
}

function operation(route: Route): Json {
  const { spec } = route;
  const about = [replacementText(spec.replacedBy), spec.description, accessText(route)];
  return {
    operationId: spec.id,
    tags: [spec.tag],
    summary: spec.summary,
    description: about.filter((text) => text !== undefined).join(' '),
    ...(spec.replacedBy === undefined ? {} : { deprecated: true }),
    ...(route.roles === null ? { security: [] } : {}),
    parameters: parametersOf(route),
    ...(spec.body === undefined ? {} : { requestBody: requestBody(route) }),
    responses: responsesOf(route),
  };
}

function replacementText(replacedBy: string | undefined): string | undefined {
  return replacedBy === undefined
    ? undefined
    : `An older path of the operation \`${replacedBy}\`; new clients use that.`;
}

function accessText({ roles, ownUser }: Route): string {
  if (roles === null) return 'Needs no token.';
  const own = ownUser !== null && roles.includes('user') ? ' A user acts for its own userId only.' : '';
  return `For the role${roles.length === 1 ? '' : 's'} ${roles.join(', ')}.${own}`;
}

function parametersOf(route: Route): Json[] {
  const examples = examplesOf(route.id, route.spec.replacedBy).parameters ?? {};
  const inPath = route.paramNames.map((name, i) =>
    parameter('path', name, route.paramSchemas[i] ?? z.string(), examples[name]),
  );
  const shape = Object.entries(route.spec.query?.shape ?? {}) as [string, z.ZodType][];
  const inQuery = shape.map(([name, schema]) => parameter('query', name, schema, examples[name]));
  const dryRun = route.dryRun ? [parameter('query', 'dryRun', DRY_RUN, undefined)] : [];
  const inHead = [
    ...(route.change ? [REQUEST_HEADERS.idempotencyKey] : []),
    ...(route.spec.ifMatch === true ? [REQUEST_HEADERS.ifMatch] : []),
    REQUEST_HEADERS.requestId,
  ];
  return [...inPath, ...inQuery, ...dryRun, ...inHead];
}

const DRY_RUN = z
  .boolean()
  .optional()
  .describe('Only tell what the request would be answered with: nothing is changed, and no key is remembered');

function parameter(location: 'path' | 'query', name: string, schema: z.ZodType, example: unknown): Json {
  const { description, ...rest } = parameterSchema(schema);
  return {
    name,
    in: location,
    required: location === 'path' || !schema.safeParse(undefined).success,
    ...(description === undefined ? {} : { description }),
    schema: rest,
    ...(example === undefined ? {} : { example }),
  };
}

function requestBody({ spec, bodyOptional }: Route): Json {
  const { body } = spec;
  if (body === undefined) return {};
  const types = 'streamed' in body ? body.types : { 'application/json': body };
  const { bodies = {} } = examplesOf(spec.id, spec.replacedBy);
  const content = Object.entries(types).map(([type, schema]) => [type, media(bodySchema(schema), bodies[type])]);
  return { required: !bodyOptional, content: Object.fromEntries(content) as Json };
}

const media = (schema: Json, examples: Examples | undefined): Json => ({
  schema,
  ...(examples === undefined ? {} : { examples }),
});

function responsesOf(route: Route): Json {
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.spec.answers)) {
    responses[status] = success(route, Number(status), answer);
  }
  const slugs = problemsIn(route);
  for (const status of new Set(slugs.map((slug) => PROBLEMS[slug].status))) {
    const own = slugs.filter((slug) => PROBLEMS[slug].status === status);
    const known = responses[status];
    const content = { ...(known?.['content'] as Json | undefined), ...problemContent(own) };
    responses[status] =
      known === undefined
        ? { description: problemsText(own), headers: headersOfProblems(own), content }
        : {
            description: `${String(known['description'])}; or ${problemsText(own)}`,
            headers: { ...headersOfProblems(own, 'sometimes'), ...(known['headers'] as Json) },
            content,
          };
  }
  return responses;
}

const problemsText = (slugs: readonly ProblemSlug[]): string =>
  slugs.map((slug) => `${PROBLEMS[slug].title} ([\`/problems/${slug}\`](/problems/${slug}))`).join('; ');

function problemContent(slugs: readonly ProblemSlug[]): Json {
  const examples = slugs.map((slug) => [slug, { $ref: `#/components/examples/${slug}` }]);
  return { [PROBLEM_TYPE]: { schema: answerSchema(problemOut), examples: Object.fromEntries(examples) as Json } };
}

function problemExamples(routes: readonly Route[]): Record<string, Example> {
  const slugs = new Set(routes.flatMap(problemsIn));
  return Object.fromEntries([...slugs].sort().map((slug) => [slug, problemExample(slug)]));
}

function success(route: Route, status: number, { description, headers = [], ...answer }: Answer): Json {
  const { answers = {} } = examplesOf(route.id, route.spec.replacedBy);
  const types = contentOf(answer);
  const content = types.map(([type, schema]) => [
    type,
    media(answerSchema(schema), examplesFor(type, answers[status])),
  ]);
  return {
    description,
    headers: headersOfAnswer(route, status, headers),
    ...(types.length === 0 ? {} : { content: Object.fromEntries(content) as Json }),
  };
}

/** By media type. */
function contentOf({
  schema,
  type = 'application/json',
  others = {},
}: Omit<Answer, 'description'>): [string, z.ZodType][] {
  return schema === null ? [] : [[type, schema], ...Object.entries(others)];
}

/** A page has no example: it is there to be looked at. */
const examplesFor = (type: string, examples: Examples | undefined): Examples | undefined =>
  type === 'text/html' ? undefined : examples;

function answeredSchemas(routes: readonly Route[]): ReadonlySet<z.ZodType> {
  const answered = routes.flatMap(({ spec }) => Object.values(spec.answers).flatMap(contentOf));
  return new Set([problemOut, ...answered.map(([, schema]) => schema)]);
}

/** None where refusals have older bodies: those are among its answers. */
const problemsIn = (route: Route): ProblemSlug[] =>
  route.olderBodies ? [] : [...new Set([...route.spec.problems, ...commonProblems(route)])];

/** What a route can answer because of what it is. */
function commonProblems(route: Route): ProblemSlug[] {
  const slugs: ProblemSlug[] = ['malformed-request', 'head-too-large', 'overloaded', 'internal'];
  if (route.roles !== null) slugs.push('unauthenticated', 'forbidden', 'unavailable');
  if (route.paramNames.length > 0 || route.query !== null) slugs.push('validation');
  if (route.body !== null) slugs.push('validation', 'unsupported-media-type');
  if (route.body !== null || route.streamed) slugs.push('body-too-large', 'request-timeout');
  if (route.change) {
    slugs.push(
      'validation',
      'dry-run-not-possible',
      'bad-idempotency-key',
      'idempotency-key-reused',
      'no-room',
      'draining',
    );
  }
  if (route.changes) slugs.push('outcome-unknown');
  if (route.guessable) slugs.push('too-many-misses');
  return slugs;
}
