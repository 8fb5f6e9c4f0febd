/**
 * npm run mutate -- [ID …] [--document]: plants deliberate bugs (list.ts) in a copy of the working
 * tree, one at a time, and runs the checks that must notice each. Ends with a table, and with 1
 * when a check did not notice a bug.
 *
 * A bug counts as noticed when a named test or a seed fails. A source that does not compile, a test
 * file that can't be loaded and a check that runs out of time do not count. With `--document`, the
 * rows of the bugs that were noticed go to docs/mutants.md.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failuresIn } from './failures.js';
import { countIn, type Edit, MUTANTS, type Mutant, runsSource } from './list.js';
import { type Finding, rowOf, tableOf, withRows } from './page.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(ROOT, 'docs/mutants.md');
const CHECK_MS_MAX = 20 * 60_000;
const OUTPUT_BYTES_MAX = 256 * 1024 * 1024;
/** Of a check that fails without naming a test. */
const TAIL_LINES = 20;
const DOCUMENT = '--document';
/** What is left unused or unreachable by a bug breaks nothing. */
const COMPILE = [
  ['-p', 'tsconfig.build.json', '--noEmit', '--incremental', '--tsBuildInfoFile', '.tsbuildinfo'],
  ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false', '--allowUnreachableCode', 'true'],
].flat();

interface Run {
  readonly isPassed: boolean;
  readonly output: string;
  readonly seconds: number;
}

const isDocumented = process.argv.includes(DOCUMENT);
const asked = process.argv.slice(2).filter((argument) => argument !== DOCUMENT);
const unknown = asked.filter((id) => !MUTANTS.some((mutant) => mutant.id === id));
if (unknown.length > 0) {
  process.stderr.write(`no such bug: ${unknown.join(', ')}; there are ${MUTANTS.map(({ id }) => id).join(', ')}\n`);
  process.exit(2);
}
const mutants = asked.length === 0 ? MUTANTS : MUTANTS.filter(({ id }) => asked.includes(id));

const copy = copyOfTree();
try {
  process.exitCode = areSound() && judgeAll() ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function copyOfTree(): string {
  const target = mkdtempSync(join(tmpdir(), 'clipbook-mutants-'));
  const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: ROOT, encoding: 'utf8' });
  for (const file of files.split('\0').filter(Boolean))
    cpSync(join(ROOT, file), join(target, file), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(target, 'node_modules'));
  // What tests start as another user has to get in.
  execFileSync('chmod', ['755', target]);
  return target;
}

/** Checks that fail without any bug would show nothing. */
function areSound(): boolean {
  const compiled = compile();
  if (!compiled.isPassed) process.stderr.write(`does not compile without any bug:\n${compiled.output}`);
  const broken = [...new Set(mutants.flatMap(({ caughtBy }) => caughtBy))].filter((command) => {
    const run = runCheck(command);
    process.stdout.write(`without any bug: ${command}: ${run.isPassed ? 'passes' : 'FAILS'}, ${seconds(run)}\n`);
    if (!run.isPassed) process.stderr.write(tailOf(run.output));
    return !run.isPassed;
  });
  return compiled.isPassed && broken.length === 0;
}

function judgeAll(): boolean {
  const rows = new Map<string, string>();
  const missed: string[] = [];
  for (const mutant of mutants) {
    const findings = judge(mutant);
    const row = rowOf(mutant, findings);
    process.stdout.write(`${row}\n`);
    rows.set(mutant.id, row);
    if (findings.some(({ failures }) => failures.length === 0)) missed.push(mutant.id);
  }
  process.stdout.write(`\n${tableOf([...rows.values()])}`);
  if (missed.length > 0) process.stdout.write(`\nnot noticed by every check: ${missed.join(', ')}\n`);
  if (isDocumented) document(new Map([...rows].filter(([id]) => !missed.includes(id))));
  return missed.length === 0;
}

function judge({ id, edits, caughtBy }: Mutant): Finding[] {
  const before = edits.map(({ file }) => readFileSync(join(copy, file), 'utf8'));
  for (const edit of edits) plant(id, edit);
  // What does not compile tells nothing about tests.
  const compiled = caughtBy.some(runsSource) ? compile() : null;
  if (compiled?.isPassed === false) process.stderr.write(`${id} does not compile:\n${compiled.output}`);
  const findings =
    compiled?.isPassed === false
      ? caughtBy.map((command) => ({ command, failures: [], seconds: 0 }))
      : caughtBy.map((command) => find(id, command));
  // The last first: two edits may be of one file.
  for (const [index, text] of [...before.entries()].reverse())
    writeFileSync(join(copy, (edits[index] as Edit).file), text);
  return findings;
}

function plant(id: string, edit: Edit): void {
  const path = join(copy, edit.file);
  const text = readFileSync(path, 'utf8');
  const count = countIn(text, edit);
  if (count !== 1) throw new Error(`${id}: its place is ${count} times in ${edit.file}: ${JSON.stringify(edit.find)}`);
  writeFileSync(
    path,
    text.replace(edit.find, () => edit.put),
  );
}

function find(id: string, command: string): Finding {
  const run = runCheck(command);
  const named = failuresIn(run.output);
  // Of what only reads the source, the exit code tells enough.
  const refused = runsSource(command) ? [] : run.output.trimEnd().split('\n').slice(-1);
  const failures = run.isPassed ? [] : named.length > 0 ? named : refused;
  if (failures.length === 0) {
    process.stderr.write(`${id}: ${command} ${run.isPassed ? 'passes' : `names no test:\n${tailOf(run.output)}`}\n`);
  }
  return { command, failures, seconds: run.seconds };
}

function compile(): Run {
  return run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), ...COMPILE]);
}

function runCheck(command: string): Run {
  const [program = '', ...args] = command.split(' ');
  return run(program, args);
}

function run(program: string, args: readonly string[]): Run {
  const began = performance.now();
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: copy,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
    timeout: CHECK_MS_MAX,
  });
  return { isPassed: status === 0, output: `${stdout}${stderr}`, seconds: (performance.now() - began) / 1000 };
}

function seconds(run: Run): string {
  return `${Math.ceil(run.seconds)} s`;
}

function tailOf(output: string): string {
  return `${output.split('\n').slice(-TAIL_LINES).join('\n')}\n`;
}

function document(rows: ReadonlyMap<string, string>): void {
  const order = MUTANTS.map(({ id }) => id);
  writeFileSync(PAGE, withRows(readFileSync(PAGE, 'utf8'), rows, order));
}
