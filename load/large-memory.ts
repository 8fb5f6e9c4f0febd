/**
 * What a machine that runs little else gives the embedded PostgreSQL, as its manual advises: a
 * quarter of the memory. The default is for a trial; under millions of codes each batch of the
 * projection would wait for pages that do not fit.
 */
import { totalmem } from 'node:os';

const MEBIBYTE = 1024 * 1024;
const MB_MIN = 128;
const MB_MAX = 8192;

export function largePostgresMemory(): { readonly EMBEDDED_POSTGRES_MEMORY: string } {
  const limit = process.constrainedMemory();
  const bytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const megabytes = Math.round(Math.min(Math.max(bytes / 4 / MEBIBYTE, MB_MIN), MB_MAX));
  return { EMBEDDED_POSTGRES_MEMORY: `${megabytes}MB` };
}
