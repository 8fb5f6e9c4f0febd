/**
 * Random requests to every operation: whatever comes, the answer is one that the description
 * declares, with its headers and the schema of its body, and never a fault of the server.
 * `npm run schemathesis` does more, and needs Python.
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { examplesOf } from '../../src/http/api/examples/table.js';
import type { Route } from '../../src/http/api/route.js';
import { ROUTES } from '../../src/http/api/routes/table.js';
import { type Description, differences } from './declared.js';
import { ADMIN, SERVICE, USER } from './memory-parts.js';
import { type Served, serve } from './serve.js';

const REQUESTS_PER_OPERATION = 60;
/**
 * A sign-in that is refused counts, and the limits of guessing and signing in are not what is
 * tested here.
 */
const LIMITS = {
  missesPerCallerMax: 1e9,
  missesPerAddressMax: 1e9,
  signInsPerEmailMax: 1e9,
  signInsPerAddressMax: 1e9,
};

let served: Served;
let api: Description;

before(async () => {
  served = await serve(LIMITS);
  api = (await served.call('GET', '/openapi.json')).json as unknown as Description;
});
after(() => served.stop());

/** No dots alone: a client resolves them before it sends the path. */
const segment = fc.string({ unit: 'binary', maxLength: 80 }).filter((text) => text !== '' && !/^\.+$/.test(text));
const strange = fc.oneof(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.integer(), fc.constant(null));

/**
 * An example of the body with some of its fields replaced, added or left out; now and then anything
 * at all.
 */
function bodies(route: Route): fc.Arbitrary<unknown> {
  const examples = Object.values(examplesOf(route.id, route.spec.replacedBy).bodies?.['application/json'] ?? {});
  const values = examples.map(({ value }) => value as Readonly<Record<string, unknown>>);
  if (values.length === 0) return fc.constant(undefined);
  const names = [...new Set(values.flatMap(Object.keys)), '__proto__', 'other'];
  const changed = fc
    .tuple(
      fc.constantFrom(...values),
      fc.dictionary(fc.constantFrom(...names), strange, { maxKeys: 2 }),
      fc.subarray(names, { maxLength: 1 }),
    )
    .map(([value, replaced, missing]) =>
      Object.fromEntries(Object.entries({ ...value, ...replaced }).filter(([name]) => !missing.includes(name))),
    );
  return fc.oneof({ weight: 5, arbitrary: changed }, { weight: 1, arbitrary: strange });
}

function queries(route: Route): fc.Arbitrary<Readonly<Record<string, string>>> {
  const names = Object.keys(route.spec.query?.shape ?? {});
  if (names.length === 0) return fc.constant({});
  const value = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.constantFrom('1', '0', 'true', 'assigned'));
  return fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 3 });
}

/** A word in the place of a parameter is the path of another operation, or of none. */
const WORDS: ReadonlySet<string> = new Set(ROUTES.map(({ path }) => path).filter((path) => !path.includes('{')));

function paths(route: Route): fc.Arbitrary<string> {
  const { parameters = {} } = examplesOf(route.id, route.spec.replacedBy);
  const values = route.paramNames.map((name) =>
    fc.oneof(fc.constant(String(parameters[name])), fc.constantFrom('INIT-0', USER.id), segment),
  );
  const filled = fc.tuple(...values).map((given) => {
    let at = 0;
    return route.path.replace(/\{\w+\}/g, () => encodeURIComponent(given[at++] ?? ''));
  });
  return filled.filter((path) => path === route.path || !WORDS.has(path));
}

const keys = fc.option(
  fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 12 }).filter((key) => key.trim() === key),
);

describe('random requests', () => {
  for (const route of ROUTES.filter(({ spec }) => spec.asset !== true)) {
    it(`to ${route.method} ${route.path} are answered as declared`, async () => {
      const request = fc.record({
        path: paths(route),
        query: queries(route),
        body: bodies(route),
        as: fc.constantFrom(ADMIN, SERVICE, USER, null),
        key: keys,
      });
      await fc.assert(
        fc.asyncProperty(request, async ({ path, query, body, as, key }) => {
          const search = new URLSearchParams(query).toString();
          const headers: Record<string, string> = key === null ? {} : { 'idempotency-key': key };
          const sent = body === undefined ? {} : { body: JSON.stringify(body) };
          const url = search === '' ? path : `${path}?${search}`;
          const answer = await served.call(route.method, url, { as, headers, ...sent });
          assert.ok(answer.status < 500, answer.text);
          const header = (name: string): string | null => answer.headers.get(name);
          assert.deepEqual(differences(api, route, { status: answer.status, header, json: answer.json }), []);
        }),
        { numRuns: REQUESTS_PER_OPERATION },
      );
    });
  }
});
