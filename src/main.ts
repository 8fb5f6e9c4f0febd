/**
 * `npm start`. Refuses a Node that does not fit, then serves.
 *
 * A static import is linked before this file runs, and could fail on an old Node before the check. So the rest comes by
 * `import()`.
 */
import nodeVersion from './platform/node-version.cjs';

nodeVersion.exitUnlessSupported();
void import('./serve.js');
