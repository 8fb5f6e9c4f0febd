/**
 * Where results are put: all to load/results/, which is not kept in the repository. What is
 * published is the Markdown and its plots, copied to docs/bench/.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './child.js';
import { type Block, markdownTable, renderBlocks } from './figures.js';

/** What a mode of the bench found out. */
export interface Findings {
  /** Of its files, without an ending. */
  readonly name: string;
  /** False: a run was invalid, and what was measured is not to be quoted. */
  readonly isSound: boolean;
  /** Everything, for the JSON file. */
  readonly figures: object;
  readonly blocks: readonly Block[];
  readonly plots: readonly Plot[];
}

export interface Plot {
  /** File name without an ending. */
  readonly name: string;
  /** For those who can't see it. */
  readonly title: string;
  readonly svg: string;
}

export interface Folders {
  readonly results: string;
  readonly published: string;
}

const FOLDERS: Folders = { results: join(ROOT, 'load', 'results'), published: join(ROOT, 'docs', 'bench') };

/** Returns the paths, from the root, of what was written. */
export function writeFindings(findings: Findings, publish: boolean, folders: Folders = FOLDERS): string[] {
  const { name, figures, plots } = findings;
  const figuresFile = `${name}.json`;
  const shown = [[`${name}.md`, markdownOf(findings)], ...plots.map((plot) => [`${plot.name}.svg`, plot.svg])] as const;
  mkdirSync(folders.results, { recursive: true });
  writeFileSync(join(folders.results, figuresFile), `${JSON.stringify(figures, null, 2)}\n`);
  for (const [file = '', content = ''] of shown) writeFileSync(join(folders.results, file), content);
  const written = [figuresFile, ...shown.map(([file = '']) => file)].map((file) => join(folders.results, file));
  if (publish) {
    mkdirSync(folders.published, { recursive: true });
    for (const [file = ''] of shown) {
      copyFileSync(join(folders.results, file), join(folders.published, file));
      written.push(join(folders.published, file));
    }
  }
  return written.map((path) => (path.startsWith(ROOT) ? path.slice(ROOT.length) : path));
}

function markdownOf({ blocks, plots }: Findings): string {
  const images = plots.map(({ name, title }) => `![${title}](${name}.svg)`);
  return `${[...images, renderBlocks(blocks, markdownTable)].join('\n\n')}\n`;
}
