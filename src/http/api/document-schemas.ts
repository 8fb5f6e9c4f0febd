/** Bodies that are files and pages, and no JSON of the API: the description only names them. */
import { z } from 'zod';

export const codesCsv = z
  .string()
  .describe('One column, or several of which one is named `code` or by `?column=`. Delimiters: , ; tab |');
export const codesNdjson = z
  .string()
  .describe('A line is a string, or an object with a field `code`, one that `?column=` names, or a single one');
export const csvOut = z.string().describe('code,status,userId,assignedAt,lockedUntil,redemptionCount,redeemedAt');
export const textOut = z.string();
export const openApiOut = z.record(z.string(), z.unknown());
