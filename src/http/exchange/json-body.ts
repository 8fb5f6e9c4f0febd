import type { z } from 'zod';
import type { FieldError, ProblemSlug } from '../api/problem.js';
import { fieldErrors } from './validation.js';

type ParsedBody =
  | { readonly kind: 'value'; readonly value: unknown }
  | {
      readonly kind: 'problem';
      readonly slug: ProblemSlug;
      readonly detail: string;
      readonly errors: readonly FieldError[];
    };

/** `text` is the whole body, decoded; null: it is not UTF-8. */
export function parseJsonBody(
  schema: z.ZodType,
  text: string | null,
  contentType: string,
  isOptional: boolean,
): ParsedBody {
  if (text === '' && isOptional) return validated(schema, {});
  if (contentType !== '' && contentType !== 'application/json' && !isJson(contentType)) {
    return problem('unsupported-media-type', 'The body has to be application/json, in UTF-8.');
  }
  if (text === null) return problem('malformed-request', 'The body is not UTF-8.');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return problem('malformed-request', text === '' ? 'The body is missing.' : 'The body is not JSON.');
  }
  return validated(schema, value);
}

function validated(schema: z.ZodType, value: unknown): ParsedBody {
  const parsed = schema.safeParse(value);
  if (parsed.success) return { kind: 'value', value: parsed.data };
  const errors = fieldErrors(parsed.error);
  const [first] = errors;
  const where = first === undefined || first.path === '' ? '' : `${first.path}: `;
  return problem('validation', `${where}${first?.message ?? 'The body is not valid'}.`, errors);
}

const problem = (slug: ProblemSlug, detail: string, errors: readonly FieldError[] = []): ParsedBody => ({
  kind: 'problem',
  slug,
  detail,
  errors,
});

/** The media type of a Content-Type, without parameters, in lower case. */
export const mediaTypeOf = (contentType: string): string => (contentType.split(';')[0] ?? '').trim().toLowerCase();

/** A parameter of a Content-Type, in lower case and without quotes; null where it is not given. */
export function parameterOf(contentType: string, name: string): string | null {
  for (const parameter of contentType.split(';').slice(1)) {
    const [key = '', value = ''] = parameter.split(/=(.*)/s);
    if (key.trim().toLowerCase() === name) return value.trim().replaceAll('"', '').toLowerCase();
  }
  return null;
}

/** ASCII is a part of UTF-8, so both are read. */
const READABLE_CHARSETS = new Set<string | null>([null, 'utf-8', 'utf8', 'us-ascii']);

export const isReadableCharset = (contentType: string): boolean =>
  READABLE_CHARSETS.has(parameterOf(contentType, 'charset'));

function isJson(contentType: string): boolean {
  const type = mediaTypeOf(contentType);
  return (type === 'application/json' || type.endsWith('+json')) && isReadableCharset(contentType);
}
