#!/usr/bin/env node
/**
 * `npx clipbook` in a checkout. The command line is compiled into `dist`, which is not committed, so this file compiles it
 * when it is missing or older than its source. Where there is no source, as in an image, it only starts it.
 *
 * The result is renamed into its place when it is whole. So two first uses at once do not see half of it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const DIST = join(ROOT, 'dist');
const ENTRY = join(DIST, 'src/cli/bin.js');
const NODE_VERSION = join(ROOT, 'src/platform/node-version.cjs');
const COMPILER = join(ROOT, 'node_modules/typescript/bin/tsc');
const SOURCES = ['src', 'workers', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(ROOT, name));
const FAULT = 70;

// Before the compiler, which needs a Node that fits as well. Where there is no source, ENTRY asks.
if (existsSync(NODE_VERSION)) createRequire(import.meta.url)(NODE_VERSION).exitUnlessSupported();
if (!existsSync(join(ROOT, 'node_modules'))) fail('the packages are not installed: run `npm ci` in', ROOT);
if (isOutdated()) build();
await import(pathToFileURL(ENTRY).href);

function isOutdated() {
  if (!existsSync(ENTRY)) return true;
  // Without the compiler, what is there has to do.
  if (!existsSync(COMPILER)) return false;
  const builtMs = statSync(ENTRY).mtimeMs;
  return SOURCES.some((path) => newestMs(path) > builtMs);
}

function newestMs(path) {
  if (!existsSync(path)) return 0;
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  // A removed file changes its directory.
  return readdirSync(path).reduce((newest, name) => Math.max(newest, newestMs(join(path, name))), stats.mtimeMs);
}

function build() {
  if (!existsSync(COMPILER)) fail('dist is missing, and so is the compiler: run `npm ci` and `npm run build` in', ROOT);
  const made = `${DIST}.${process.pid}.new`;
  const old = `${DIST}.${process.pid}.old`;
  // Types are checked by `npm run build`; whoever edits the source may have them wrong for a while.
  const args = [COMPILER, '-p', join(ROOT, 'tsconfig.build.json'), '--noCheck', '--outDir', made];
  const { status, stdout, error } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: 'utf8' });
  try {
    if (status !== 0) throw error ?? new Error((stdout ?? '').split('\n')[0] || `tsc ended with ${status}`);
    if (existsSync(DIST)) renameSync(DIST, old);
    renameSync(made, DIST);
  } catch (error) {
    if (!existsSync(ENTRY)) fail('dist could not be built: run `npm run build` in', `${ROOT} (${error.message})`);
    // If another first use was quicker, its result is as good.
    if (isOutdated()) process.stderr.write(`warning: dist is older than its source: ${error.message}\n`);
  } finally {
    for (const path of [made, old]) rmSync(path, { recursive: true, force: true });
  }
}

function fail(what, where) {
  process.stderr.write(`error: ${what} ${where}\n`);
  process.exit(FAULT);
}
