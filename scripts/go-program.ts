/**
 * A program that is a Go module: found where it is, or built once into the cache under
 * `node_modules`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/clipbook/bin', import.meta.url));

export interface GoProgram {
  readonly name: string;
  /** Module with its pinned version, as `go install` takes it. */
  readonly module: string;
  /** Where a reader finds how to install it otherwise. */
  readonly page: string;
}

/**
 * The path of the program: from the PATH, from an earlier build, or built now. Null where it is
 * missing and Go is as well. Throws one line when the build fails.
 */
export function findGoProgram({ name, module }: GoProgram, say: (line: string) => void): string | null {
  const found = onPath(name) ?? existing(join(CACHE, `${name}-${versionOf(module)}`, name));
  if (found !== null) return found;
  if (onPath('go') === null) return null;
  say(`building ${name} with Go, once: go install ${module}`);
  const folder = join(CACHE, `${name}-${versionOf(module)}`);
  mkdirSync(folder, { recursive: true });
  const built = spawnSync('go', ['install', module], { env: { ...process.env, GOBIN: folder }, stdio: 'inherit' });
  if (built.status !== 0) throw new Error(`${name} could not be built: go install ${module} failed`);
  return join(folder, name);
}

/** The line that is printed if neither the program nor Go is installed. */
export function missingLine({ name, page }: GoProgram): string {
  return `${name} is missing: install it (${page}), or Go, from which it is built here`;
}

const versionOf = (module: string): string => module.slice(module.lastIndexOf('@') + 1);

function onPath(program: string): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = existing(join(folder, program));
    if (path !== null) return path;
  }
  return null;
}

function existing(path: string): string | null {
  return existsSync(path) ? path : null;
}
