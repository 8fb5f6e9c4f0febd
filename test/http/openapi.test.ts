/** The description is whole, consistent, and about what is served. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PROBLEMS } from '../../src/http/api/problem.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { ADMIN } from './memory-parts.js';
import { type Served, serve } from './serve.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

type Json = Record<string, unknown>;
interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly description: string;
  readonly deprecated?: boolean;
  readonly security?: readonly Json[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required: boolean;
    readonly schema: Json;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Json }>> };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Json }>>;
}
interface Description {
  readonly openapi: string;
  readonly info: Json;
  readonly tags: readonly { readonly name: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly headers: Json;
    readonly examples: Json;
    readonly securitySchemes: Json;
  };
}

let served: Served;
let api: Description;
let operations: (Operation & { readonly path: string; readonly method: string })[];

before(async () => {
  served = await serve();
  api = (await served.call('GET', '/openapi.json')).json as unknown as Description;
  operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, path, method })),
  );
});
after(() => served.stop());

/** Every value of a key, anywhere. */
function valuesOf(key: string, value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => (name === key ? [inner] : valuesOf(key, inner)));
}

const schema = (name: string): Json => {
  const found = api.components.schemas[name];
  assert.ok(found, name);
  return found;
};

const bodyOf = (id: string): Json => {
  const found = operations.find(({ operationId }) => operationId === id)?.requestBody?.content['application/json'];
  assert.ok(found, id);
  return found.schema;
};

describe('the description', () => {
  it('is OpenAPI 3.1 with a title, a version and a license', () => {
    assert.match(api.openapi, /^3\.1\.\d+$/);
    assert.deepEqual([api.info['title'], api.info['version']], ['Clipbook', '0.0.0']);
    assert.deepEqual(Object.keys(api.components.securitySchemes), ['bearer']);
  });

  it('has every route, once, under an id of its own', () => {
    assert.deepEqual(
      operations.map(({ operationId }) => operationId).sort(),
      ROUTES.filter(({ spec }) => spec.asset !== true)
        .map(({ id }) => id)
        .sort(),
    );
    assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, operations.length);
    const names = new Set(api.tags.map(({ name }) => name));
    for (const { tags, summary } of operations) {
      assert.ok(tags.every((tag) => names.has(tag)));
      assert.ok(summary.length > 0);
    }
  });

  it('contains every component that it refers to, and no unused one', () => {
    const refs = new Set(valuesOf('$ref', api).map((ref) => String(ref).replace('#/components/', '')));
    const { schemas, headers, examples } = api.components;
    const parts = Object.entries({ schemas, headers, examples }).flatMap(([part, all]) =>
      Object.keys(all).map((name) => `${part}/${name}`),
    );
    assert.deepEqual([...refs].sort(), parts.sort());
    assert.deepEqual(valuesOf('$id', api), []);
  });

  it('declares each parameter of a path', () => {
    for (const { path, parameters } of operations) {
      const declared = parameters.filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        declared.map(({ name }) => name),
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]),
      );
      assert.ok(declared.every(({ required }) => required));
    }
  });

  it('describes each query parameter', () => {
    const codes = operations.find(({ operationId }) => operationId === 'listCodes');
    const query = new Map(codes?.parameters.map((parameter) => [parameter.name, parameter.schema]));
    const limit = query.get('limit') ?? {};
    assert.deepEqual([limit['type'], limit['minimum'], limit['maximum'], limit['default']], ['integer', 1, 1000, 100]);
    assert.deepEqual(query.get('status')?.['enum'], ['available', 'assigned', 'locked', 'redeemed']);
  });

  it('names the idempotency key wherever a book is changed', () => {
    const withKey = operations.filter(({ parameters }) => parameters.some(({ name }) => name === 'Idempotency-Key'));
    assert.deepEqual(
      withKey.map(({ operationId }) => operationId),
      operations
        .filter(({ operationId }) => ROUTES.find(({ id }) => id === operationId)?.change === true)
        .map(({ operationId }) => operationId),
    );
    assert.ok(withKey.length >= 12);
  });

  it('requires a token exactly where one is needed', () => {
    for (const { operationId, security } of operations) {
      const isPublic = ROUTES.find(({ id }) => id === operationId)?.roles === null;
      assert.deepEqual(security, isPublic ? [] : undefined, operationId);
    }
  });

  it('refuses unknown fields in all that is sent, and asks for nothing that has a default', () => {
    for (const { operationId, requestBody } of operations) {
      for (const [type, { schema: given }] of Object.entries(requestBody?.content ?? {})) {
        if (type === 'application/json') assert.equal(given['additionalProperties'], false, operationId);
      }
    }
    assert.deepEqual([bodyOf('createBook')['title'], bodyOf('createBook')['required']], ['BookInput', ['name']]);
    assert.equal(bodyOf('updateBook')['required'], undefined);
    assert.ok((schema('Book')['required'] as string[]).includes('archivedAt'));
  });

  it('has a success, and the problems of every status it names, for each operation', () => {
    const titles = Object.entries(PROBLEMS).map(([slug]) => `/problems/${slug}`);
    for (const { operationId, responses } of operations) {
      assert.ok(
        Object.keys(responses).some((status) => /^20\d$/.test(status)),
        operationId,
      );
      for (const [status, { description, content }] of Object.entries(responses)) {
        assert.ok(description.length > 0);
        if (Number(status) < 400 || content?.['application/problem+json'] === undefined) continue;
        if (operationId === 'readyz') continue;
        assert.ok(
          titles.some((title) => description.includes(title)),
          `${operationId} ${status}`,
        );
      }
    }
  });

  it('names all problems that its operations answered in fact', async () => {
    const asked = [
      ['POST', '/api/v1/coupons/{code}/redeem', '/api/v1/coupons/nope/redeem', { userId: 'u' }],
      ['POST', '/api/v1/coupons/{code}/redeem', '/api/v1/coupons/nope/redeem', {}],
      ['GET', '/api/v1/coupon-books', '/api/v1/coupon-books?cursor=x', undefined],
      ['POST', '/api/v1/coupons/assign', '/api/v1/coupons/assign', '{'],
    ] as const;
    for (const [method, path, url, body] of asked) {
      const answer = await served.call(method, url, body === undefined ? { as: ADMIN } : { as: ADMIN, body });
      const description = api.paths[path]?.[method.toLowerCase()]?.responses[answer.status]?.description ?? '';
      assert.ok(description.includes(String(answer.json['type'])), `${url}: ${answer.text}`);
    }
  });

  it('passes the linter; its only warnings are of paths in which a word and a code or an id take the same place', () => {
    const folder = mkdtempSync(join(tmpdir(), 'clipbook-lint-'));
    try {
      const file = join(folder, 'openapi.json');
      writeFileSync(file, JSON.stringify(api));
      const { stdout } = spawnSync(
        process.execPath,
        [join(ROOT, 'node_modules/@redocly/cli/bin/cli.js'), 'lint', file, '--extends=recommended', '--format=json'],
        { encoding: 'utf8', env: { ...process.env, REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' } },
      );
      const { totals, problems } = JSON.parse(stdout) as {
        totals: { errors: number };
        problems: { ruleId: string; message: string }[];
      };
      assert.equal(totals.errors, 0, stdout);
      assert.deepEqual([...new Set(problems.map(({ ruleId }) => ruleId))], ['no-ambiguous-paths']);
      for (const { message } of problems)
        assert.match(message, /\/coupons\/\{(code|couponId)\}\/|\/flash\/\{productId\}\//);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('writes patterns that other languages understand, too', () => {
    const patterns = valuesOf('pattern', api).map(String);
    assert.ok(patterns.length > 0);
    for (const pattern of patterns) assert.doesNotMatch(pattern, /\\p\{|\(\?[=!<]/, pattern);
    const { properties } = bodyOf('assignCode') as { properties: Record<string, Json> };
    const userId = new RegExp(String(properties['userId']?.['pattern']), 'u');
    for (const text of ['ada', 'Ärzte-Café', 'u@x', '用户']) assert.match(text, userId);
    for (const text of ['', 'a\0', 'a\u0085', 'a\n', 'a'.repeat(129)]) assert.doesNotMatch(text, userId);
  });

  it('says of a field with a default that a request may leave it out, and what it is then', () => {
    const { properties, required } = bodyOf('createBook') as { properties: Record<string, Json>; required: string[] };
    assert.deepEqual(
      [properties['isActive']?.['default'], properties['redeemableBy']?.['default']],
      [true, 'assignee'],
    );
    assert.ok(!required.includes('isActive'));
    assert.ok((schema('Book')['required'] as string[]).includes('isActive'));
  });

  it('marks exactly the older paths as deprecated, each with the operation that replaces it', () => {
    const ids = new Set(operations.map(({ operationId }) => operationId));
    for (const { operationId, path, deprecated, description } of operations) {
      const isOlder = /^\/(?:coupons|users|auth|init|order|status|inventory|cancel)\b/.test(path);
      assert.equal(deprecated === true, isOlder, path);
      if (!isOlder) continue;
      assert.match(operationId, /^older[A-Z]/);
      const replacedBy = /operation `(\w+)`/.exec(description)?.[1] ?? '';
      assert.ok(ids.has(replacedBy), description);
    }
  });
});
