/** Finds comment and Markdown lines that are wider than `WIDTH_MAX` columns. */
export const WIDTH_MAX = 100;

const COMMENT = /^\s*(?:\/\/|\/\*|\*|--|#)/;

/**
 * Lines (1-based) that are too wide. A line is allowed to be wide where it can't be wrapped: a table, a heading, a code
 * block, an address, and anything without a blank behind its opening.
 */
export function wideLines(path: string, text: string): number[] {
  const isMarkdown = path.endsWith('.md');
  const wide: number[] = [];
  let isFenced = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (isMarkdown && line.trimStart().startsWith('```')) isFenced = !isFenced;
    if (line.length <= WIDTH_MAX || isFenced || !isProse(line, isMarkdown)) continue;
    if (/\S\s+\S/.test(line.slice(0, WIDTH_MAX).replace(/^\s*(?:\/\/|\/\*\*?|\*|--|#|[-*] )?\s*/, '')))
      wide.push(index + 1);
  }
  return wide;
}

function isProse(line: string, isMarkdown: boolean): boolean {
  if (isMarkdown) return !/^(?: {4}|\||#|<|\[[^\]]+\]: )/.test(line);
  return COMMENT.test(line) && !/[─│┌┐└┘├┤▶▼]/.test(line) && !/^\s*(?:\/\/|\*|--)\s*\|/.test(line);
}
