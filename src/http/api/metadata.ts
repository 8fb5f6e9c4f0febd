/**
 * Metadata: any JSON object, kept as it came.
 *
 * zod's records and objects leave out a key named `__proto__`, so this is checked by hand and
 * handed on untouched. JSON.parse has made an ordinary property of it, and every later step keeps
 * those: structured clone, JSON in the journal and in PostgreSQL.
 *
 * A whole number beyond 2^53 - 1 can't be kept as it came: JSON.parse has rounded it before anybody
 * sees it. It need not be looked for in the text, though. Rounding never brings such a number back
 * below 2^53, and from there on every number is whole.
 */
import { z } from 'zod';
import { mayHoldLines } from './text-rule.js';

const LENGTH_MAX = 4096;
const DEPTH_MAX = 8;

type Metadata = Readonly<Record<string, unknown>>;

const anyObject = z
  .unknown()
  .meta({ type: 'object', additionalProperties: {} })
  .superRefine((value, context) => {
    const fault = faultOf(value, 1) ?? (JSON.stringify(value).length > LENGTH_MAX ? TOO_LONG : null);
    if (fault !== null) context.addIssue({ code: 'custom', message: fault });
    // Only a `Metadata` passes.
  }) as unknown as z.ZodType<Metadata>;

export const metadata = anyObject
  .nullable()
  .describe(
    `Any JSON object of at most ${LENGTH_MAX} characters and ${DEPTH_MAX} levels; whole numbers up to 2^53 - 1, larger ones as text`,
  );

const TOO_LONG = `Longer than ${LENGTH_MAX} characters`;

/** Null if `value` can be kept as it came, else why not. */
function faultOf(value: unknown, depth: number): string | null {
  if (depth === 1 && (typeof value !== 'object' || value === null || Array.isArray(value))) return 'Not an object';
  if (depth > DEPTH_MAX) return `Nested deeper than ${DEPTH_MAX} levels`;
  if (typeof value === 'string') return textFault(value);
  if (typeof value === 'number') return numberFault(value);
  if (typeof value !== 'object' || value === null) return null;
  for (const [field, inner] of Object.entries(value)) {
    const fault = (Array.isArray(value) ? null : textFault(field)) ?? faultOf(inner, depth + 1);
    if (fault !== null) return fault;
  }
  return null;
}

function numberFault(value: number): string | null {
  return Math.abs(value) > Number.MAX_SAFE_INTEGER
    ? 'A number is beyond 2^53 - 1 and would be rounded; send it as text'
    : null;
}

const textFault = (text: string): string | null =>
  mayHoldLines(text) ? null : 'A text has a control character or half a surrogate pair';
