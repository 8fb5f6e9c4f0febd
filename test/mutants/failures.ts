/**
 * What the output of a check says that failed. An exit code alone does not tell a test that noticed
 * a bug from a file that could not be loaded, so only what is named here counts as noticed.
 */

/**
 * A failing test as Node's `spec` reporter lists it at the end: its place, its name, and what it
 * threw.
 */
const TEST = /^test at (.+?):\d+:\d+\n✖ (.*) \([\d.]+ms\)\n([\s\S]*?)(?=^test at |$(?![\s\S]))/gm;
/** A test that failed only because one within it did. The one within is listed too. */
const ONLY_SUBTESTS = /^\s*'\d+ subtests? failed'/;
/** A failing seed as `npm run simulate` prints it, and the first line of what it threw. */
const SEED = /^(seed \d+) fails; .*\n(.*)$/gm;
/** What the compiler refuses, and what oxlint does. */
const REFUSED = /^\S+\(\d+,\d+\): error (TS\d+: .*)$|^ *[x×] (\w+\([\w-]+\): .*)$/gm;
const REFUSED_CHARACTERS_MAX = 100;
const ERROR_CLASS = /^\w*Error(?: \[\w+\])?: /;

/**
 * The names of the tests, the seeds with the broken invariant, or what the compiler or the lint
 * refuses, in the order of the output.
 */
export function failuresIn(output: string): string[] {
  const text = output.replace(/\r/g, '');
  const tests = [...text.matchAll(TEST)]
    .filter(([, file = '', name = '', thrown = '']) => !isFile(name, file) && !ONLY_SUBTESTS.test(thrown))
    .map(([, , name = '']) => name);
  const seeds = [...text.matchAll(SEED)].map(
    ([, seed, thrown = '']) => `${seed}: ${thrown.trim().replace(ERROR_CLASS, '')}`,
  );
  const refused = [...text.matchAll(REFUSED)].map(([, byCompiler, byLint = '']) => beginningOf(byCompiler ?? byLint));
  return [...tests, ...seeds, ...refused];
}

/** The compiler spells out whole types. */
function beginningOf(text: string): string {
  return text.length > REFUSED_CHARACTERS_MAX ? `${text.slice(0, REFUSED_CHARACTERS_MAX)} …` : text;
}

/**
 * Node lists a file that ended by itself, or that could not be loaded, as a test with the name of
 * the file.
 */
function isFile(name: string, file: string): boolean {
  return name === file || name.endsWith(`/${file}`);
}
