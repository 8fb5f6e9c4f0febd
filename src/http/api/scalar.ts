/**
 * Scalar's API reference, the library behind `/api-docs`: one file, kept compressed in the
 * repository. Why that is so: docs/decisions/api-page.md. `npm run vendor:scalar -- <version>`
 * replaces the file and these two lines.
 */
import { existsSync, readFileSync } from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';

export const SCALAR_VERSION = '1.76.0';
/** Of the file as it is in the package, before it was compressed. */
export const SCALAR_SHA256 = 'dcb027152bf20bf2f6dcd66e8f9fb073c1a9e274cf0b94b939a7d99ab8947060';

/**
 * The file, compressed with gzip. `web/` is beside `package.json`: three levels up from here, four
 * from `dist`.
 */
export function readScalar(): Buffer {
  const here = path.dirname(fileURLToPath(import.meta.url));
  for (const up of ['../../..', '../../../..']) {
    const file = path.resolve(here, up, 'web/scalar/standalone.js.gz');
    if (existsSync(file)) return readFileSync(file);
  }
  throw new Error(`the API page's script (web/scalar/) is not where it belongs, above ${here}`);
}
