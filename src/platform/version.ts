/** The version of Clipbook, which stands in `package.json` and nowhere else. */
import { readFileSync } from 'node:fs';

/** The package lies two folders above this one in the sources, and three above it in `dist/`. */
export function packageVersion(): string {
  const path = import.meta.url.endsWith('.ts') ? '../../package.json' : '../../../package.json';
  const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as { version: string };
  return version;
}
