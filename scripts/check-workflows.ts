/**
 * `npm run check:workflows`: actionlint over `.github/workflows`. Exit code 1 when it finds a fault
 * or can't be had.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { findGoProgram, type GoProgram, missingLine } from './go-program.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ACTIONLINT: GoProgram = {
  name: 'actionlint',
  module: 'github.com/rhysd/actionlint/cmd/actionlint@v1.7.12',
  page: 'https://github.com/rhysd/actionlint',
};

const path = findGoProgram(ACTIONLINT, (line) => console.log(line));
if (path === null) {
  console.error(missingLine(ACTIONLINT));
  process.exit(1);
}
const { status } = spawnSync(path, ['-color=false'], { cwd: ROOT, stdio: 'inherit' });
if (status === 0) console.log('the workflows have no fault');
process.exitCode = status ?? 1;
