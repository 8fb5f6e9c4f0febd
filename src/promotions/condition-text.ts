/** The text of a part of a condition, for reasons and refusals. */
import type { ASTNode } from '@marcbachmann/cel-js';

/** The source of a node. Parentheses around its first and last operand are not part of the node. */
export function textOf({ input, start, end }: ASTNode): string {
  const text = input.slice(start, end);
  const { opened, closed } = parenthesesIn(text);
  let from = start;
  let to = end;
  for (let missing = closed; missing > 0 && from > 0; ) if (input[--from] === '(') missing--;
  for (let missing = opened; missing > 0 && to < input.length; ) if (input[to++] === ')') missing--;
  return input.slice(from, to).replace(/\s+/g, ' ');
}

/**
 * How many parentheses are opened and never closed, and closed and never opened, outside of texts.
 */
function parenthesesIn(text: string): { readonly opened: number; readonly closed: number } {
  let opened = 0;
  let closed = 0;
  for (const [token] of text.matchAll(/"(?:\\.|[^\\"])*"|'(?:\\.|[^\\'])*'|[()]/gs)) {
    if (token === '(') opened++;
    else if (token === ')' && opened > 0) opened--;
    else if (token === ')') closed++;
  }
  return { opened, closed };
}
