/** The parameters of a path, validated in place. */
import type { z } from 'zod';
import type { FieldError } from '../api/problem.js';

interface ParamsRoute {
  readonly paramNames: readonly string[];
  readonly paramSchemas: readonly z.ZodType<string>[];
  /**
   * By parameter: the fast path. True if its schema would leave the text unchanged. Null: there is
   * only the schema.
   */
  readonly fastParams: readonly (((text: string) => boolean) | null)[];
}

/** `params` come raw and leave as the schemas make them. Null: all are valid. */
export function validateParams(
  { paramNames, paramSchemas, fastParams }: ParamsRoute,
  params: string[],
): FieldError | null {
  for (let i = 0; i < paramSchemas.length; i++) {
    const raw = params[i] as string;
    if (fastParams[i]?.(raw) === true) continue;
    const decoded = decodePercent(raw);
    const parsed = decoded === null ? null : paramSchemas[i]?.safeParse(decoded);
    if (parsed?.success !== true) {
      const message = parsed?.error?.issues[0]?.message ?? 'Not a valid percent-encoding';
      return { path: paramNames[i] ?? '', message };
    }
    params[i] = parsed.data;
  }
  return null;
}

/**
 * Null: it is not a percent-encoding of UTF-8. uWebSockets.js has made U+FFFD of bytes that are
 * not.
 */
function decodePercent(text: string): string | null {
  if (text.includes('\ufffd')) return null;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
