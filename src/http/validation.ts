import type { z } from 'zod';
import type { FieldError } from './problem.js';

const ERRORS_MAX = 100;

/** What zod found, as the API tells it: each unknown field is named by an error of its own. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  const errors: FieldError[] = [];
  for (const issue of error.issues) {
    if (errors.length >= ERRORS_MAX) break;
    const path = issue.path.map(String);
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys.slice(0, ERRORS_MAX)) {
        errors.push({ path: [...path, key].join('.'), message: 'Unknown field' });
      }
    } else {
      errors.push({ path: path.join('.'), message: issue.message });
    }
  }
  return errors;
}
