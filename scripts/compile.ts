/** Compiles Clipbook into a directory of its own, for tests that start it as `npm start` does. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export interface Build {
  /** Holds `dist`. */
  readonly path: string;
  remove(): void;
}

/** Without looking at types: that is another check's part. */
export function compile(): Build {
  const path = mkdtempSync(join(tmpdir(), 'clipbook-build-'));
  const remove = () => rmSync(path, { recursive: true, force: true });
  copyFileSync(join(ROOT, 'package.json'), join(path, 'package.json'));
  for (const name of ['node_modules', 'sql', 'web']) symlinkSync(join(ROOT, name), join(path, name));
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(path, 'dist')];
  const { status, stdout } = spawnSync(process.execPath, [compiler, ...args], { cwd: ROOT, encoding: 'utf8' });
  if (status === 0) return { path, remove };
  remove();
  throw new Error(`the build failed: ${stdout}`);
}
