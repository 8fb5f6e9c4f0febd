/**
 * Finds what the source declares: events, outcomes, commands and records. Each file of the kernel
 * and of the features that imports `records/declare.ts` is loaded, and its exports are taken. So a
 * new file needs no line in a list, and no thread loads declarations that it does not use.
 *
 * The code that is generated comes in a fixed order: records of the hot path first, because a
 * switch compares in its order; then by number; commands by file and by their place in it.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CommandDeclaration, EventDeclaration, OutcomeDeclaration } from '../../src/records/declare.js';
import type { RecordDeclaration } from '../../src/records/fields.js';

type Declaration = EventDeclaration | OutcomeDeclaration | CommandDeclaration | RecordDeclaration;

/** A file that declares records, and what it exports. */
export interface DeclaringFile {
  /** From the root: `src/features/coupons/redeem.ts`. */
  readonly path: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

export interface Declared<Kind> {
  readonly declaration: Kind;
  readonly path: string;
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const FOLDERS = [
  'src/domain',
  ...readdirSync(join(ROOT, 'src/features'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => `src/features/${name}`),
];
const DECLARES = /from '[./]+\/records\/(?:declare|fields)\.js'/;

export const declaringFiles: readonly DeclaringFile[] = await Promise.all(
  FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.generated.ts'))
      .sort()
      .map((name) => `${folder}/${name}`)
      .filter((path) => DECLARES.test(readFileSync(join(ROOT, path), 'utf8'))),
  ).map(async (path) => ({
    path,
    exports: (await import(pathToFileURL(join(ROOT, path)).href)) as DeclaringFile['exports'],
  })),
);

const all: readonly Declared<Declaration>[] = declaringFiles.flatMap(({ path, exports }) => {
  const source = readFileSync(join(ROOT, path), 'utf8');
  const placeOf = (name: string): number => source.search(new RegExp(`^export const ${name}\\b`, 'm'));
  return Object.entries(exports)
    .filter((entry): entry is [string, Declaration] => isDeclaration(entry[1]))
    .sort(([a], [b]) => placeOf(a) - placeOf(b))
    .map(([, declaration]) => ({ declaration, path }));
});

const of = <Kind extends Declaration>(declares: Kind['declares']): Kind[] =>
  all.map(({ declaration }) => declaration).filter((one): one is Kind => one.declares === declares);
const hotFirst = <Kind>(list: readonly Kind[], isHot: (one: Kind) => boolean): Kind[] => [
  ...list.filter(isHot),
  ...list.filter((one) => !isHot(one)),
];
const byNumber = (a: { readonly number: number }, b: { readonly number: number }): number => a.number - b.number;

export const events: readonly EventDeclaration[] = hotFirst(
  of<EventDeclaration>('event').sort(byNumber),
  ({ fields }) => 'code' in fields,
);
export const outcomes: readonly OutcomeDeclaration[] = hotFirst(
  of<OutcomeDeclaration>('outcome').sort(byNumber),
  ({ answer }) => answer === 'fields',
);
/** By file, and by their place in it. The description of the API has them in this order. */
export const commandsByPlace: readonly CommandDeclaration[] = of<CommandDeclaration>('command');
export const commands: readonly CommandDeclaration[] = hotFirst(commandsByPlace, ({ message }) => message !== 'object');
export const records: readonly RecordDeclaration[] = of<RecordDeclaration>('record');

for (const { kind, gives } of commands)
  if (!outcomes.includes(gives)) throw new Error(`${kind} gives ${gives.kind}, which its file does not export`);

/** The file that declares it. */
export function pathOf(declaration: Declaration): string {
  const found = all.find((one) => one.declaration === declaration);
  if (found === undefined) throw new Error('a record that is used but not exported');
  return found.path;
}

function isDeclaration(value: unknown): value is Declaration {
  return typeof value === 'object' && value !== null && 'declares' in value;
}
