/**
 * The import rules between the parts, as one table, and the check for breaches: an import that
 * points up, a cycle, an unreachable file, a file that is too long, and a domain that is not pure.
 * A rule that only a document states is soon broken; these rules fail `npm run check`.
 */
import { posix } from 'node:path';
import { blankOut, importsOf, lineAt } from './source-text.js';

/**
 * What a folder may import besides itself: folders, or single files of one. Files that lie directly
 * in `src/` are the part `src`.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'src/platform': [],
  'src/tables': ['src/platform/uncounted-memory.ts'],
  'src/records': [],
  'src/codes': ['src/platform'],
  'src/promotions': ['src/records'],
  'src/domain': ['src/records', 'src/tables'],
  'src/features/coupons': ['src/domain', 'src/records', 'src/tables'],
  'src/features/promotions': ['src/domain', 'src/records', 'src/tables'],
  'src/features/flash': ['src/domain', 'src/records', 'src/tables'],
  'src/features': [
    'src/features/coupons',
    'src/features/promotions',
    'src/features/flash',
    'src/domain',
    'src/records',
    'src/tables',
  ],
  'src/journal': ['src/domain', 'src/records', 'src/platform'],
  'src/postgres': ['src/domain', 'src/records', 'src/tables', 'src/platform'],
  'src/engine': ['src/postgres', 'src/features', 'src/domain', 'src/codes', 'src/records', 'src/tables'],
  'src/feed': ['src/journal', 'src/domain', 'src/records', 'src/platform'],
  'src/shard': [
    'src/feed',
    'src/engine',
    'src/journal',
    'src/postgres',
    'src/features',
    'src/features/coupons',
    'src/features/promotions',
    'src/features/flash',
    'src/domain',
    'src/records',
    'src/platform',
  ],
  'src/followers': [
    'src/shard',
    'src/feed',
    'src/engine',
    'src/journal',
    'src/postgres',
    'src/features',
    // Live clients are told amounts as the API shows them.
    'src/features/promotions/pricing/currencies.ts',
    'src/features/promotions/pricing/money.ts',
    'src/domain',
    'src/records',
    'src/platform',
  ],
  'src/control': [
    'src/followers',
    'src/shard',
    'src/feed',
    'src/engine',
    'src/journal',
    'src/postgres',
    'src/features',
    'src/domain',
    'src/promotions',
    'src/codes',
    'src/records',
    'src/platform',
  ],
  'src/http': [
    'src/control',
    'src/engine',
    'src/features/coupons',
    'src/features/promotions',
    'src/features/flash',
    'src/domain',
    'src/promotions',
    'src/codes',
    'src/records',
    'src/tables',
    'src/platform',
  ],
  'src/compose': [
    'src/http',
    'src/control',
    'src/feed',
    'src/engine',
    'src/journal',
    'src/postgres',
    'src/domain',
    'src/tables',
    'src/platform',
  ],
  // Browsers load the compiled file as it is.
  'src/client': [],
  'src/cli': ['src/compose', 'src/control', 'src/postgres', 'src/codes', 'src/platform'],
  src: ['src/compose', 'src/platform'],
  workers: [
    'src/compose',
    'src/http',
    'src/control',
    'src/followers',
    'src/shard',
    'src/feed',
    'src/engine',
    'src/journal',
    'src/postgres',
    'src/domain',
    'src/codes',
    'src/platform',
  ],
  scripts: ['src/compose', 'src/cli', 'src/http', 'src/records', 'src/platform'],
  load: ['scripts', 'src/platform'],
  web: [],
};

/**
 * What lies in `src/compose` (configuration, clock, log, …) is made once, where a thread is
 * composed (main, `workers/`), and handed down. The parts may name its types, but not import the
 * things themselves; these may not even do that.
 */
const HANDED_DOWN = 'src/compose';
const SEES_NOTHING = new Set([
  'src/records',
  'src/tables',
  'src/domain',
  'src/codes',
  'src/promotions',
  'src/features',
  'src/features/coupons',
  'src/features/promotions',
  'src/features/flash',
  'src/client',
]);

/** Browsers load its compiled files as they are: it has no packages either. */
const STANDS_ALONE = 'src/client';

/** A process of its own, which composes what it needs. */
const COMPOSES = new Set(['src/cli']);

/** Only values go in and come out. */
const PURE: Readonly<Record<string, string>> = {
  'src/domain': 'the domain',
  'src/features': 'src/features',
  'src/features/coupons': 'src/features/coupons',
  'src/features/promotions': 'src/features/promotions',
  'src/features/flash': 'src/features/flash',
  'src/tables': 'src/tables',
  'src/records': 'src/records',
};

/** Longer files hold more than one thing. Generated ones may be as long as they are. */
const LINES_MAX = 525;

/** Time, randomness, I/O and waiting: everything that would make a replay differ. */
const IMPURE =
  /(?<![.\w$])(?:Date|performance|process|setTimeout|setInterval|setImmediate|queueMicrotask|crypto|fetch|console|globalThis|Promise|async|await)(?![\w$]|\??:)|\bMath\.random\b/g;

/**
 * `files` maps a path from the root, with forward slashes, to its text. Returns a line for each
 * breach, `path:line: what`, in the order of the paths.
 */
export function findBreaches(files: ReadonlyMap<string, string>): string[] {
  const breaches: string[] = [];
  const graph = new Map<string, Map<string, number>>();

  for (const [path, source] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const targets = new Map<string, number>();
    graph.set(path, targets);
    const lines = source.trimEnd().split('\n').length;
    if (lines > LINES_MAX && !path.includes('.generated.'))
      breaches.push(`${path}:${LINES_MAX}: ${lines} lines, at most ${LINES_MAX}`);
    const pure = PURE[partOf(path)];
    if (pure !== undefined) breaches.push(...impurities(pure, path, source));

    for (const { specifier, line, typeOnly } of importsOf(source)) {
      if (!specifier.startsWith('.')) {
        const closed = pure ?? (partOf(path) === STANDS_ALONE ? STANDS_ALONE : null);
        if (closed !== null)
          breaches.push(`${path}:${line}: ${closed} imports nothing from outside, here ${specifier}`);
        continue;
      }
      const target = resolveImport(files, path, specifier);
      if (target === null) {
        breaches.push(`${path}:${line}: there is no ${specifier}`);
        continue;
      }
      if (!targets.has(target)) targets.set(target, line);
      const why = forbidden(path, target, typeOnly);
      if (why !== null) breaches.push(`${path}:${line}: ${why}`);
    }
  }
  return [...breaches, ...circles(graph), ...unreached(graph)];
}

function forbidden(path: string, target: string, typeOnly: boolean): string | null {
  const from = partOf(path);
  const to = partOf(target);
  if (from === 'test') return null;
  if (target === 'src/main.ts') return 'nothing imports src/main.ts';
  if (to === HANDED_DOWN && from !== to && from.startsWith('src/') && !SEES_NOTHING.has(from) && !COMPOSES.has(from))
    return typeOnly ? null : `${target} is handed down; ${from} may import its types only`;
  if (from === to || MAY_IMPORT[from]?.some((allowed) => allowed === to || allowed === target) === true) return null;
  return `${from} must not import ${to} (${target})`;
}

function impurities(part: string, path: string, source: string): string[] {
  return [...blankOut(source).matchAll(IMPURE)].map(
    (match) => `${path}:${lineAt(source, match.index)}: ${part} is pure and synchronous, here ${match[0]}`,
  );
}

/** One line for each circle, found from the first of its files. */
function circles(graph: ReadonlyMap<string, ReadonlyMap<string, number>>): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const trail: string[] = [];

  const visit = (path: string): void => {
    if (finished.has(path)) return;
    const seenAt = trail.indexOf(path);
    if (seenAt !== -1) {
      const circle = trail.slice(seenAt);
      const line = graph.get(circle[0] as string)?.get(circle[1] ?? path) ?? 1;
      found.push(`${circle[0]}:${line}: imports in a circle: ${[...circle, path].join(' -> ')}`);
      return;
    }
    trail.push(path);
    for (const target of graph.get(path)?.keys() ?? []) visit(target);
    trail.pop();
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return found;
}

function unreached(graph: ReadonlyMap<string, ReadonlyMap<string, number>>): string[] {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    if (reached.has(path)) return;
    reached.add(path);
    for (const target of graph.get(path)?.keys() ?? []) visit(target);
  };
  for (const path of graph.keys()) if (isEntry(path)) visit(path);
  return [...graph.keys()].filter((path) => !reached.has(path)).map((path) => `${path}:1: nothing reaches this file`);
}

/**
 * What someone starts: the server, a thread, a script, a test; and the client that users load. The
 * browser's files are found by their pages.
 */
function isEntry(path: string): boolean {
  return (
    path === 'src/main.ts' ||
    path === 'src/cli/bin.ts' ||
    path === 'src/client/live.ts' ||
    /^(?:workers|scripts|load|load\/scenarios)\/[^/]+$/.test(path) ||
    /^(?:test|web)\//.test(path)
  );
}

/**
 * `src/domain/book.ts` is of `src/domain`, `src/main.ts` of `src`, `load/peers/bare.ts` of `load`.
 * Each feature is a part of its own: `src/features/coupons/pool.ts` is of `src/features/coupons`.
 */
function partOf(path: string): string {
  const [top = '', second = '', third = ''] = path.split('/');
  if (top !== 'src' || second === '' || second.includes('.')) return top;
  return second === 'features' && third !== '' && !third.includes('.')
    ? `${top}/${second}/${third}`
    : `${top}/${second}`;
}

/** `./x.js` names `x.ts` in sources. */
function resolveImport(files: ReadonlyMap<string, string>, importer: string, specifier: string): string | null {
  const path = posix.join(posix.dirname(importer), specifier);
  const candidates = [path, path.replace(/\.js$/, '.ts'), path.replace(/\.js$/, '.tsx')];
  return candidates.find((candidate) => files.has(candidate)) ?? null;
}
