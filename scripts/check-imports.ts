/**
 * `node --import tsx scripts/check-imports.ts`: prints each breach of the rules in import-rules.ts,
 * and each export that nothing imports; exit code 1 if there is one.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findBreaches } from './import-rules.js';
import { findUnusedExports } from './unused-exports.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDERS = ['src', 'workers', 'scripts', 'load', 'web', 'test'];
const NOT_SOURCES = new Set(['node_modules', 'dist', 'results', 'fixtures']);

const files = new Map<string, string>();
for (const folder of FOLDERS) if (existsSync(join(ROOT, folder))) collect(folder);

/** Not generated code, which has all functions of its kind, nor scenarios, which k6 calls. */
const isChecked = (path: string): boolean =>
  !/^(?:test|web|load\/scenarios)\//.test(path) && !path.endsWith('.generated.ts');
const breaches = [...findBreaches(files), ...findUnusedExports(files, isChecked)];
for (const breach of breaches) console.error(breach);
console.log(
  breaches.length === 0
    ? `${files.size} files, every import points down, every export is imported`
    : `${breaches.length} breaches of the rules of imports and exports`,
);
process.exitCode = breaches.length === 0 ? 0 : 1;

function collect(folder: string): void {
  for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) {
      if (!NOT_SOURCES.has(entry.name)) collect(path);
    } else if (/\.(?:ts|tsx|mjs|cjs|js)$/.test(entry.name)) {
      files.set(path, readFileSync(join(ROOT, path), 'utf8'));
    }
  }
}
