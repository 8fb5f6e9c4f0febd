import { z } from 'zod';
import type { FieldError } from '../api/problem.js';

const ERRORS_MAX = 100;

// zod's own messages name types of JavaScript. The message of a schema goes before these.
z.config({ customError: messageOf });

/** What zod found, as the API tells it: one error for each field, an unknown one included. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of error.issues) {
    if (errors.length >= ERRORS_MAX) break;
    const names = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, ERRORS_MAX)) {
        errors.push({ path: [...names, key].join('.'), message: 'Unknown field' });
      }
      continue;
    }
    const path = names.join('.');
    if (errors.at(-1)?.path !== path) errors.push({ path, message: issue.message });
    // A number beyond 2^53 - 1 is also beyond the limit of its field, which zod finds after that.
    else if (issue.code === 'too_big') errors.splice(-1, 1, { path, message: issue.message });
  }
  return errors;
}

/** Undefined where zod's own message will do. */
function messageOf(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'This field is required' : `Not ${nounOf(issue)}`;
    case 'invalid_value':
      return `Not one of ${issue.values.join(', ')}`;
    case 'too_small':
      return `At least ${issue.minimum}${unitOf(issue.origin, issue.minimum)}`;
    case 'too_big':
      return `At most ${issue.maximum}${unitOf(issue.origin, issue.maximum)}`;
    case 'invalid_format':
      return issue.format === 'email' ? 'Not an email address' : undefined;
    case 'custom':
    case 'invalid_element':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
    case 'unrecognized_keys':
      return undefined;
  }
}

function nounOf({ expected, inst }: z.core.$ZodRawIssue & { readonly code: 'invalid_type' }): string {
  const isNumber = expected === 'number' || expected === 'int';
  if (isNumber) return inst instanceof z.ZodNumberFormat || expected === 'int' ? 'a whole number' : 'a number';
  return NOUNS[expected] ?? `a ${expected}`;
}

const NOUNS: Readonly<Record<string, string>> = {
  boolean: 'true or false',
  object: 'a JSON object',
  record: 'a JSON object',
  array: 'a list',
};

function unitOf(origin: string, bound: number | bigint): string {
  const isOne = Number(bound) === 1;
  if (origin === 'string') return isOne ? ' character' : ' characters';
  if (origin === 'array') return isOne ? ' entry' : ' entries';
  return '';
}
