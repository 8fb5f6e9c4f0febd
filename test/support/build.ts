/** Clipbook compiled, as `npm start` runs it; in a test run also bundled (scripts/bundle.ts). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Build, compile } from '../../scripts/compile.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** By its path, since the program may be started in any directory. */
const LOADER = pathToFileURL(join(ROOT, 'node_modules/tsx/dist/esm/index.mjs')).href;

/**
 * Node's arguments that start `main`, such as `src/main.ts`: from the build of the test run where
 * there is one, else from the sources. A server that Node starts from the sources compiles each
 * file in each of its threads, which takes 2.5 s of a core.
 */
export function nodeArgs(main: string): string[] {
  const built = process.env['TEST_BUILD'];
  const compiled = built === undefined ? null : join(built, 'dist', main.replace(/\.ts$/, '.js'));
  if (compiled !== null && existsSync(compiled)) return [compiled];
  return ['--import', LOADER, join(ROOT, main)];
}

/**
 * For long runs of their own: from now on `nodeArgs` starts a build, which goes with this process.
 */
export function startBuilt(): void {
  const { path, remove } = compile();
  process.env['TEST_BUILD'] = path;
  process.once('exit', remove);
}

/**
 * The build of the test run where there is one (`TEST_BUILD`, see scripts/test.ts), else one of its
 * own.
 */
export function build(): Build {
  const built = process.env['TEST_BUILD'];
  return built === undefined ? compile() : { path: built, remove: () => undefined };
}

/** Call at the top of a test file: the build for all of its tests. */
export function testBuild(): () => Build {
  let built: Build | null = null;
  before(() => {
    built = build();
  });
  after(() => built?.remove());
  return () => {
    if (built === null) throw new Error('there is no build before the first test');
    return built;
  };
}
