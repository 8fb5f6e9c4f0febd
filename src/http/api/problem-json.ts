/** A problem as it is sent. */
import type { Missing } from '../../domain/outcome.js';
import { type FieldError, PROBLEMS, type ProblemSlug } from './problem.js';

/** What some problems say beside `detail`. */
export interface ProblemMembers {
  readonly heldUntil?: string;
  readonly missing?: readonly Missing[];
}

/** RFC 9457, with `code` and `message` for clients of the older API. */
export function problemJson(
  slug: ProblemSlug,
  detail: string,
  requestId: string,
  errors: readonly FieldError[],
  { heldUntil, missing }: ProblemMembers = {},
): string {
  const { status, title } = PROBLEMS[slug];
  const told = JSON.stringify(detail);
  const listed = errors.length === 0 ? '' : `,"errors":${JSON.stringify(errors)}`;
  const held = heldUntil === undefined ? '' : `,"heldUntil":"${heldUntil}"`;
  const lacks = missing === undefined ? '' : `,"missing":${JSON.stringify(missing)}`;
  // The request id is made of characters that need no escape.
  return `{"type":"/problems/${slug}","title":"${title}","status":${status},"detail":${told},"instance":"${requestId}","code":${status},"message":${told}${listed}${held}${lacks}}`;
}
