/** Finds comment and Markdown lines that are wider than `WIDTH_MAX` columns. */
export const WIDTH_MAX = 100;

/** How a line of a comment begins. Not `#name`, a private field, and not `**bold**` in a text. */
const OPENING = {
  ts: /^\s*(?:\/\/|\/\*\*?|\*(?=[\s/]))\s*/,
  sql: /^\s*--\s*/,
  md: /^\s*(?:[-*] )?\s*/,
};

/**
 * Lines (1-based) that are too wide. A line is allowed to be wide where it can't be wrapped: in a
 * diagram, a table, a heading, a code block, and where it has no blank before the limit.
 */
export function wideLines(path: string, text: string): number[] {
  const kind = path.endsWith('.md') ? 'md' : path.endsWith('.sql') ? 'sql' : 'ts';
  const wide: number[] = [];
  let isFenced = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (kind === 'md' && line.trimStart().startsWith('```')) isFenced = !isFenced;
    if (line.length <= WIDTH_MAX || isFenced || !isProse(line, kind)) continue;
    if (/\S\s+\S/.test(line.slice(0, WIDTH_MAX).replace(OPENING[kind], ''))) wide.push(index + 1);
  }
  return wide;
}

function isProse(line: string, kind: keyof typeof OPENING): boolean {
  if (kind === 'md') return !/^(?: {4}|\||#|<|\[[^\]]+\]: )/.test(line);
  const opening = OPENING[kind].exec(line)?.[0];
  return opening !== undefined && !line.startsWith('|', opening.length) && !/[─│┌┐└┘├┤▶▼]/.test(line);
}
