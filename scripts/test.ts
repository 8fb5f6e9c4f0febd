/**
 * `npm test`: checks that the programs that the tests need are installed, then runs the files with
 * Node's own runner, whose summary is the last thing printed. The exit code is 1 if a test failed.
 * `npm test -- test/domain/decide.test.ts …` runs a part; a folder names all tests in it. The files
 * are listed here because Node 20 knows no globs after `--test`.
 */
import { spawnSync } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { bindingRefusalHere } from '../src/platform/uws-binding.js';
import { bundleInto } from './bundle.js';
import { type Build, compile } from './compile.js';
import { SLOWEST_TESTS } from './slowest-tests.js';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** A program that is no npm package. It is asked for only when a test file names it. */
interface Need {
  readonly program: string;
  /** Programs that do as well, if they are there. */
  readonly others: readonly string[];
  readonly aptPackage: string;
  readonly brewPackage: readonly string[];
}

const NEEDS: readonly Need[] = [
  { program: 'redis-server', others: [], aptPackage: 'redis-server', brewPackage: ['redis'] },
  { program: 'nginx', others: [], aptPackage: 'nginx', brewPackage: ['nginx'] },
  {
    program: 'chromium',
    others: ['chromium-browser', 'google-chrome'],
    aptPackage: 'chromium',
    brewPackage: ['--cask', 'chromium'],
  },
  { program: 'python3', others: [], aptPackage: 'python3', brewPackage: ['python3'] },
];

/**
 * The limit of files that run at once: one more than there are cores, since many tests wait for a
 * while. Many files also start a PostgreSQL or a server, so more than a few slow each other down.
 */
const FILES_AT_ONCE_MAX = 4;
/**
 * Far more than the longest test takes. A test that waits for ever must not hold the whole run up.
 */
const TEST_MS_MAX = 10 * 60_000;

await main();

async function main(): Promise<void> {
  const refusal = bindingRefusalHere();
  if (refusal !== null) {
    console.error(refusal);
    process.exit(1);
  }
  const asked = process.argv.slice(2);
  const files = asked.length === 0 ? testsIn(join(ROOT, 'test')) : asked.flatMap((path) => testsIn(resolve(path)));
  if (files.length === 0) {
    console.error(`no test files (*.test.ts) in ${asked.length === 0 ? 'test' : asked.join(', ')}`);
    process.exit(1);
  }
  const missing = NEEDS.filter((need) => isNamedIn(need.program, files) && !isThere(need) && !install(need));
  if (missing.length > 0) process.exit(1);
  const temporary = temporaryFolder();
  const stage = { temporary, built: null, cluster: null };
  runTests(files, files.some((file) => file.startsWith(join(ROOT, 'test'))) ? await prepare(temporary) : stage);
}

/** What all test files of a run share. */
interface Stage {
  readonly temporary: TemporaryFolder;
  /** The tests start it in place of the sources. */
  readonly built: Build | null;
  /** Where a cluster of PostgreSQL is that tests copy. */
  readonly cluster: string | null;
}

async function prepare(temporary: TemporaryFolder): Promise<Stage> {
  const built = compile();
  await bundleInto(join(built.path, 'dist'));
  const cluster = join(temporary.path, 'template');
  const args = ['--import', 'tsx', 'test/support/template-cluster.ts', cluster];
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) throw new Error('the cluster that tests copy could not be made');
  return { temporary, built, cluster };
}

/** Here and not by `node --test`, which sorts the files by name. */
function runTests(files: readonly string[], { temporary, built, cluster }: Stage): void {
  process.once('exit', () => {
    built?.remove();
    temporary.remove();
  });
  // It is set when we are run from within a test, and then Node would not run any.
  delete process.env['NODE_TEST_CONTEXT'];
  process.env['TMPDIR'] = temporary.path;
  if (built !== null) process.env['TEST_BUILD'] = built.path;
  if (cluster !== null) process.env['TEST_CLUSTER'] = cluster;
  const stopping = new AbortController();
  // Each file listens to it.
  setMaxListeners(0, stopping.signal);
  // It ends the test processes, which would outlive us.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stopping.abort());
  const tests = run({
    signal: stopping.signal,
    files: slowestFirst(files.map((file) => relative(ROOT, file))),
    concurrency: Math.min(FILES_AT_ONCE_MAX, availableParallelism() + 1),
    timeout: TEST_MS_MAX,
  });
  tests.on('test:fail', () => {
    process.exitCode = 1;
  });
  tests.compose(new spec()).pipe(process.stdout);
}

/** So that no core has to wait at the end for a long file that began late. */
function slowestFirst(files: readonly string[]): string[] {
  const asked = new Set(files);
  return [...new Set([...SLOWEST_TESTS.filter((file) => asked.has(file)), ...files])];
}

/** The path itself when it is a file, else every `*.test.ts` below it, sorted. */
function testsIn(path: string): string[] {
  if (!existsSync(path)) return [];
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return testsIn(child);
      return entry.name.endsWith('.test.ts') ? [child] : [];
    });
}

function isNamedIn(program: string, files: readonly string[]): boolean {
  return files.some((file) => readFileSync(file, 'utf8').includes(program));
}

function isThere({ program, others }: Need): boolean {
  return [program, ...others].some(isOnPath);
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/**
 * Installs where that takes no password; says in one line what is missing and how to get it where
 * it fails.
 */
function install(need: Need): boolean {
  const command = installCommand(need);
  if (command !== null && (process.getuid?.() === 0 || command[0] === 'brew')) {
    console.log(`installing ${need.program}: ${command.join(' ')}`);
    const [program = '', ...args] = command;
    const { status } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (status === 0 && isOnPath(need.program)) return true;
  }
  const how = command === null ? 'install it with your system’s package manager' : `sudo ${command.join(' ')}`;
  console.error(`missing: ${need.program}, which tests start. To get it: ${how.replace('sudo brew', 'brew')}`);
  return false;
}

function installCommand(need: Need): readonly string[] | null {
  if (isOnPath('apt-get')) return ['apt-get', 'install', '--yes', '--no-install-recommends', need.aptPackage];
  if (isOnPath('brew')) return ['brew', 'install', ...need.brewPackage];
  return null;
}
