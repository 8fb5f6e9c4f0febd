/** Numbers of several rounds as one line, and lines as tables. */

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Of at least one value; of an even number the lower of the two in the middle. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)];
  if (median === undefined) throw new RangeError('no values');
  return { median, least: sorted[0] ?? median, most: sorted.at(-1) ?? median };
}

/** `41,234 (40,900–41,800)`; without the range when there is one value. */
export function showSpread({ median, least, most }: Spread): string {
  return least === most ? whole(median) : `${whole(median)} (${whole(least)}–${whole(most)})`;
}

export const whole = (value: number): string => Math.round(value).toLocaleString('en-US');

export const ms = (value: number): string => value.toFixed(value < 10 ? 2 : 1);

/** What a report is made of: paragraphs and tables. */
export type Block = string | Table;

export interface Table {
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** `table` is one of the two below. */
export function renderBlocks(blocks: readonly Block[], table: typeof textTable): string {
  return blocks.map((block) => (typeof block === 'string' ? block : table(block.header, block.rows))).join('\n\n');
}

/**
 * For a terminal: columns as wide as needed; cells that start with a digit are aligned to the
 * right.
 */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (isNumeric(rows, i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [header, widths.map((width) => '-'.repeat(width)), ...rows].map(line).join('\n');
}

export function markdownTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;
  const rule = header.map((_, column) => (isNumeric(rows, column) ? '---:' : '---'));
  return [header, rule, ...rows].map(line).join('\n');
}

function isNumeric(rows: readonly (readonly string[])[], column: number): boolean {
  return rows.every((row) => /^\d|^$/.test(row[column] ?? ''));
}
