/**
 * Prints each comment and Markdown line that is too wide, as `path:line`. Exit code 1 if there is
 * one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WIDTH_MAX, wideLines } from './comment-width.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CHECKED = /^(?:[^/]+\.md|(?:src|workers|scripts|test|load|sql|docs)\/.*\.(?:ts|cjs|mjs|sql|md))$/;
/** Not written by hand: data, and what `npm run bench -- --publish` writes. */
const NOT_OURS = /^(?:test\/fixtures|docs\/bench)\//;

const { stdout } = spawnSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
});
// Git also lists files that are removed and not committed yet.
const isOurs = (path: string): boolean => CHECKED.test(path) && !NOT_OURS.test(path) && existsSync(join(ROOT, path));
const paths = stdout.split('\n').filter(isOurs);
const found = paths.flatMap((path) =>
  wideLines(path, readFileSync(join(ROOT, path), 'utf8')).map((line) => `${path}:${line}`),
);
for (const line of found) console.error(`${line}: a comment is wider than ${WIDTH_MAX} columns`);
console.log(found.length === 0 ? `${paths.length} files, every comment fits` : `${found.length} lines are too wide`);
process.exitCode = found.length === 0 ? 0 : 1;
