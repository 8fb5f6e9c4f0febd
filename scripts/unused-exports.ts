/**
 * Finds exports that no other file imports. A value that only its own file uses need not be
 * exported. A type may be, where the file's own signatures name it. What nobody uses goes.
 */
import { posix } from 'node:path';
import { blankOut, importClausesOf, lineAt } from './source-text.js';

/** Records that a file declares: the generator loads the file and takes all of them. */
const DECLARES_RECORD = /^\s*=\s*(?:event|outcome|command|record)\(/;

/** `export function name`, `export const name`, `export type { A, B as C };` and so on. */
const DECLARED =
  /^export\s+(?:declare\s+|abstract\s+|async\s+)*(function\*?|const|let|class|interface|type|enum)\s+(\w+)/gm;
const LISTED = /^export\s+(?:type\s+)?\{([^}]*)\}\s*;/gm;

/**
 * `files` maps a path from the root, with forward slashes, to its text. Returns a line for each
 * export that nothing imports, `path:line: what`, in the order of the paths.
 */
export function findUnusedExports(files: ReadonlyMap<string, string>, isChecked: (path: string) => boolean): string[] {
  const used = new Map<string, Set<string> | 'all'>();
  for (const [path, source] of files) {
    for (const { specifier, clause } of importClausesOf(source)) {
      if (!specifier.startsWith('.')) continue;
      const target = resolve(files, path, specifier);
      if (target === null || used.get(target) === 'all') continue;
      const names = namesIn(clause);
      if (names === 'all') used.set(target, 'all');
      else used.set(target, new Set([...((used.get(target) as Set<string> | undefined) ?? []), ...names]));
    }
  }
  const found: string[] = [];
  for (const [path, source] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const imported = used.get(path) ?? new Set<string>();
    if (!isChecked(path) || imported === 'all') continue;
    for (const { name, line } of exportsOf(source)) {
      if (!imported.has(name)) found.push(`${path}:${line}: nothing imports ${name}`);
    }
  }
  return found;
}

function exportsOf(source: string): { readonly name: string; readonly line: number }[] {
  const text = blankOut(source);
  const found: { name: string; line: number }[] = [];
  for (const match of text.matchAll(DECLARED)) {
    const [, kind, name = ''] = match;
    const isNamedHere = (kind === 'type' || kind === 'interface') && timesIn(text, name) > 1;
    const isRecord = DECLARES_RECORD.test(text.slice(match.index + match[0].length));
    if (!isNamedHere && !isRecord) found.push({ name, line: lineAt(text, match.index) });
  }
  for (const match of text.matchAll(LISTED)) {
    for (const name of listed(match[1] ?? '')) found.push({ name: name.exported, line: lineAt(text, match.index) });
  }
  return found;
}

const timesIn = (text: string, name: string): number => text.split(new RegExp(`\\b${name}\\b`)).length - 1;

/**
 * The names that an import or a re-export takes: `all` for a namespace, or where none are named.
 */
function namesIn(clause: string | null): ReadonlySet<string> | 'all' {
  const braces = clause === null ? null : /\{([^}]*)\}/.exec(clause);
  if (braces === null) return 'all';
  return new Set(listed(braces[1] ?? '').map(({ name }) => name));
}

/** `a, type B, c as d` */
function listed(text: string): { readonly name: string; readonly exported: string }[] {
  return text
    .split(',')
    .map((part) => part.trim().replace(/^type\s+/, ''))
    .filter((part) => part !== '')
    .map((part) => {
      const [name = '', exported = name] = part.split(/\s+as\s+/);
      return { name, exported };
    });
}

function resolve(files: ReadonlyMap<string, string>, importer: string, specifier: string): string | null {
  const path = posix.join(posix.dirname(importer), specifier);
  return [path, path.replace(/\.js$/, '.ts')].find((candidate) => files.has(candidate)) ?? null;
}
