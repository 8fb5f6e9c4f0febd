/**
 * The table in docs/mutants.md: one row for each bug, between two marks. The text around it is
 * written by hand.
 */
import { type Mutant, placeOf } from './list.js';

const BEGIN = '<!-- table -->\n';
const END = '<!-- end -->';
const HEAD = '| no. | planted bug | noticed by | seconds |\n| --- | --- | --- | --- |\n';
const NAMED_MAX = 2;

/** What one check said of one bug. */
export interface Finding {
  readonly command: string;
  /** Names of failing tests, or the seed with what it broke; none: the bug was not noticed. */
  readonly failures: readonly string[];
  readonly seconds: number;
}

export function rowOf({ id, bug }: Pick<Mutant, 'id' | 'bug'>, findings: readonly Finding[]): string {
  const noticedBy = findings.map(({ command, failures }) => `\`${placeOf(command)}\`: ${named(failures)}`).join('<br>');
  const seconds = findings.reduce((sum, finding) => sum + finding.seconds, 0);
  return `| ${id} | ${cell(bug)} | ${noticedBy} | ${Math.ceil(seconds)} |`;
}

export function tableOf(rows: readonly string[]): string {
  return `${HEAD}${rows.map((row) => `${row}\n`).join('')}`;
}

/** The rows that the page has, by the number of the bug. */
export function rowsOf(page: string): Map<string, string> {
  const rows = tableIn(page).text.split('\n').slice(2).filter(Boolean);
  return new Map(rows.map((row) => [row.split('|')[1]?.trim() ?? '', row]));
}

/**
 * The page with `fresh` rows in place of its older ones. A row whose bug is not in `order` goes.
 */
export function withRows(page: string, fresh: ReadonlyMap<string, string>, order: readonly string[]): string {
  const rows = new Map([...rowsOf(page), ...fresh]);
  const { before, after } = tableIn(page);
  return `${before}${tableOf(order.flatMap((id) => rows.get(id) ?? []))}${after}`;
}

function tableIn(page: string): { before: string; text: string; after: string } {
  const begin = page.indexOf(BEGIN) + BEGIN.length;
  const end = page.indexOf(END);
  if (begin < BEGIN.length || end < begin) throw new Error('docs/mutants.md has lost the marks of its table');
  return { before: page.slice(0, begin), text: page.slice(begin, end), after: page.slice(end) };
}

function named(failures: readonly string[]): string {
  if (failures.length === 0) return '**not noticed**';
  const names = failures.slice(0, NAMED_MAX).map((name) => `“${cell(name)}”`);
  const more = failures.length - names.length;
  return `${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
