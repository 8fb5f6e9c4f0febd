/**
 * `npm start`. Refuses a Node that does not fit, then serves.
 *
 * A static import is linked before this file runs, and could fail on an old Node before the check.
 * So the rest comes by `import()`. Until it is loaded, a signal has nothing to shut down: the
 * process just exits.
 */
import nodeVersion from './platform/node-version.cjs';
import { onSignal } from './platform/signals.js';

nodeVersion.exitUnlessSupported();
onSignal((exitCode) => process.exit(exitCode));
void import('./compose/serve.js');
