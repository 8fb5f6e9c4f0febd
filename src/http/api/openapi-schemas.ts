/**
 * zod schemas as the description shows them.
 *
 * An object with a default reads differently in the two directions: the field may be left out of a
 * request and is always in an answer. So a body is described with `io: 'input'` and an answer with
 * `io: 'output'`.
 *
 * Bodies stand where they are used, under their title; only what is answered is a named component.
 * The reason is openapi-typescript: in a component it takes a field with a default for one that is
 * always there, so a client would have to send every default itself. In the schema of a request it
 * takes the field for optional, which is right.
 */
import { z } from 'zod';
import { named } from './schemas.js';

export type Json = Record<string, unknown>;
type Direction = 'input' | 'output';

export function bodySchema(schema: z.ZodType): Json {
  const id = named.get(schema)?.id;
  return { ...(id === undefined ? {} : { title: id }), ...inline(schema, 'input') };
}

export function parameterSchema(schema: z.ZodType): Json {
  return inline(schema, 'input');
}

/** In the draft of JSON Schema that AsyncAPI 3.0 is based on. */
export function messageSchema(schema: z.ZodType, io: Direction): Json {
  return inline(schema, io, 'draft-7');
}

/** A reference where the schema has a name, else the schema itself. */
export function answerSchema(schema: z.ZodType): Json {
  const id = named.get(schema)?.id;
  return id === undefined ? inline(schema, 'output') : { $ref: uri(id) };
}

/** The named schemas that `answers` lead to. */
export function answerComponents(answers: ReadonlySet<z.ZodType>): Record<string, Json> {
  const all = z.toJSONSchema(named, { io: 'output', uri, override: ({ jsonSchema }) => tidy(jsonSchema, 'output') });
  const wanted = new Set<string>();
  const visit = (id: string): void => {
    if (wanted.has(id)) return;
    wanted.add(id);
    for (const [, inner] of JSON.stringify(all.schemas[id]).matchAll(/#\/components\/schemas\/(\w+)"/g)) {
      if (inner !== undefined && inner !== id) visit(inner);
    }
  };
  for (const schema of answers) {
    const id = named.get(schema)?.id;
    if (id !== undefined) visit(id);
  }
  return Object.fromEntries(
    [...wanted].sort().map((id) => {
      const { $schema: _, $id: __, ...schema } = all.schemas[id] as Json;
      return [id, schema];
    }),
  );
}

const uri = (id: string): string => `#/components/schemas/${id}`;

function inline(schema: z.ZodType, io: Direction, target: 'draft-7' | 'draft-2020-12' = 'draft-2020-12'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    io,
    target,
    override: ({ jsonSchema }) => tidy(jsonSchema, io),
  });
  return rest;
}

/**
 * Classes of characters that other languages do not know, and the control characters as everybody
 * writes them.
 */
const UNICODE_CONTROLS = /\\p\{C\}|\\p\{Cc\}\\p\{Cs\}/g;
const CONTROLS = String.raw`\x00-\x1f\x7f-\x9f`;

/** Takes away what is true but only noise to a reader, and writes "or null" in the short form. */
function tidy(schema: Json, io: Direction): void {
  // The format says the same, and the expression for a date has 250 characters.
  if (schema['format'] === 'uuid' || schema['format'] === 'date-time') delete schema['pattern'];
  if (typeof schema['pattern'] === 'string') schema['pattern'] = schema['pattern'].replace(UNICODE_CONTROLS, CONTROLS);
  if (io === 'output' && schema['minimum'] === Number.MIN_SAFE_INTEGER) delete schema['minimum'];
  if (io === 'output' && schema['maximum'] === Number.MAX_SAFE_INTEGER) delete schema['maximum'];
  if (schema['propertyNames'] !== undefined) delete schema['propertyNames'];
  orNull(schema);
}

/**
 * `anyOf: [{type: T, …}, {type: null}]` is `{type: [T, null], …}`, unless T is a list of values.
 */
function orNull(schema: Json): void {
  const { anyOf } = schema;
  if (!Array.isArray(anyOf) || anyOf.length !== 2) return;
  const [some, none] = anyOf as [Json, Json];
  if (none['type'] !== 'null' || typeof some['type'] !== 'string' || 'enum' in some || 'const' in some) return;
  delete schema['anyOf'];
  const { description } = schema;
  Object.assign(schema, some, { type: [some['type'], 'null'] }, description === undefined ? {} : { description });
}
