/**
 * The example of a page, put into a copy of the source. The blocks say where they go:
 *
 *     ```ts                                          ```diff
 *     // FILE                     a new file         @@ FILE
 *     // FILE, above `LINE`       new lines           a line that stays
 *                                                    -a line that goes
 *                                                    +a line that comes
 *
 * `…` at the end of LINE stands for the rest of it. A line of a diff may begin with `…`: then the
 * beginning of the line stays. LINE, and the lines of a diff that were there before, must stand in
 * the file exactly once.
 */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const BLOCK = /^```(ts|diff)\n([\s\S]*?)^```$/gm;
const ABOVE = /^\/\/ (\S+?)(?:, above `(.+)`)?\n/;

export interface PageExample {
  readonly directory: string;
  /** The files that blocks changed or made. */
  readonly files: ReadonlySet<string>;
}

/** Copies `folders` of `root` into `directory`, and puts the blocks of the page into the copy. */
export function applyExample(page: string, root: string, directory: string, folders: readonly string[]): PageExample {
  for (const folder of folders) cpSync(join(root, folder), join(directory, folder), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(directory, 'node_modules'));
  const files = new Set<string>();
  const rewrite = (file: string, change: (text: string) => string): void => {
    files.add(file);
    const path = join(directory, file);
    writeFileSync(path, change(readFileSync(path, 'utf8')));
  };
  for (const [, language, block = ''] of page.matchAll(BLOCK)) {
    if (language === 'diff') {
      for (const [, file = '', hunk = ''] of block.matchAll(/^@@ (.+)\n((?:[^@].*\n)+)/gm))
        rewrite(file, (text) => applyHunk(text, hunk, file));
      continue;
    }
    const [head, file = '', anchor] = ABOVE.exec(block) ?? [];
    if (head === undefined) throw new Error(`a block does not name its file: ${block.slice(0, 60)}`);
    const lines = block.slice(head.length);
    if (anchor === undefined) {
      files.add(file);
      mkdirSync(dirname(join(directory, file)), { recursive: true });
      writeFileSync(join(directory, file), lines, { flag: 'wx' });
    } else rewrite(file, (text) => insertAbove(text, anchor, lines, file));
  }
  return { directory, files };
}

function insertAbove(text: string, anchor: string, lines: string, file: string): string {
  const wanted = anchor.endsWith('…') ? `\n${anchor.slice(0, -1)}` : `\n${anchor}\n`;
  const at = onlyPlaceOf(text, wanted, file) + 1;
  const between = /^\s/.test(anchor) ? '' : '\n';
  return text.slice(0, at) + lines + between + text.slice(at);
}

function applyHunk(text: string, hunk: string, file: string): string {
  const lines = hunk.trimEnd().split('\n');
  const side = (left: '-' | '+'): string =>
    lines
      .filter((line) => line.startsWith(' ') || line.startsWith(left))
      .map((line) => line.slice(1))
      .join('\n');
  // Pairs of shortened lines stand for themselves; the others follow each other in the file.
  if (lines.every((line) => /^[-+]…/.test(line))) {
    let changed = text;
    for (let i = 0; i < lines.length; i += 2) {
      const [before = '', after = ''] = [lines[i]?.slice(2), lines[i + 1]?.slice(2)];
      const at = onlyPlaceOf(changed, `${before}\n`, file);
      changed = changed.slice(0, at) + after + changed.slice(at + before.length);
    }
    return changed;
  }
  const before = `\n${side('-')}\n`;
  const at = onlyPlaceOf(text, before, file);
  return `${text.slice(0, at)}\n${side('+')}\n${text.slice(at + before.length)}`;
}

function onlyPlaceOf(text: string, wanted: string, file: string): number {
  const at = text.indexOf(wanted);
  if (at === -1) throw new Error(`${file} does not have: ${wanted.trim()}`);
  if (text.indexOf(wanted, at + 1) !== -1) throw new Error(`${file} has more than once: ${wanted.trim()}`);
  return at;
}
