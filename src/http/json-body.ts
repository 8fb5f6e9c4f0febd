import type { z } from 'zod';
import type { FieldError, ProblemSlug } from './problem.js';
import { fieldErrors } from './validation.js';

export type ParsedBody =
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
  if (text === '' && isOptional) return judge(schema, {});
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
  return judge(schema, value);
}

function judge(schema: z.ZodType, value: unknown): ParsedBody {
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

function isJson(contentType: string): boolean {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType)?.[1]?.toLowerCase();
  const type = mediaTypeOf(contentType);
  return (
    (type === 'application/json' || type.endsWith('+json')) &&
    (charset === undefined || charset === 'utf-8' || charset === 'utf8')
  );
}
