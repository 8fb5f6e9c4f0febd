/** Where results are put: figures that are not kept in the repository, and plots that are. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './child.js';

export const RESULTS = join(ROOT, 'load', 'results');
export const PLOTS = join(ROOT, 'docs', 'bench');

/** Returns the path from the root. */
export function writeResult(file: string, content: string | object): string {
  return write(RESULTS, file, typeof content === 'string' ? content : `${JSON.stringify(content, null, 2)}\n`);
}

export function writePlot(file: string, svg: string): string {
  return write(PLOTS, file, svg);
}

function write(folder: string, file: string, content: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, file);
  writeFileSync(path, content);
  return path.slice(ROOT.length);
}
