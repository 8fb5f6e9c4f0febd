/** k6: where it is, or how to get it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../node_modules/.cache/clipbook/bin', import.meta.url));
const MODULE = 'go.k6.io/k6@latest';

/** The path of a k6: from the PATH, from an earlier build, or built now where Go is. Throws one line that says what is missing. */
export function findK6(say: (line: string) => void): string {
  const found = onPath('k6') ?? existing(join(CACHE, 'k6'));
  if (found !== null) return found;
  if (onPath('go') === null) {
    throw new Error('k6 is missing: install it (https://grafana.com/docs/k6), or Go, from which it is built here');
  }
  say(`building k6 with Go, once: go install ${MODULE}`);
  mkdirSync(CACHE, { recursive: true });
  const built = spawnSync('go', ['install', MODULE], { env: { ...process.env, GOBIN: CACHE }, stdio: 'inherit' });
  if (built.status !== 0) throw new Error(`k6 could not be built: go install ${MODULE} failed`);
  return join(CACHE, 'k6');
}

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
