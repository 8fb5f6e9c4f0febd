/**
 * npm run mutate -- [ID …] [--document]: puts deliberate bugs (list.ts) into a copy of the working
 * tree, one at a time, and sees that the tests named with each fail. Ends with a table, and with 1
 * when a bug was caught by less than it should be. With `--document`, the table of a run of all
 * bugs goes to docs/mutants.md.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Edit, MUTANTS, type Mutant } from './list.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND_MS_MAX = 20 * 60_000;

const DOCUMENT = '--document';

const isDocumented = process.argv.includes(DOCUMENT);
const asked = process.argv.slice(2).filter((argument) => argument !== DOCUMENT);
const unknown = asked.filter((id) => !MUTANTS.some((mutant) => mutant.id === id));
if (unknown.length > 0) {
  process.stderr.write(`no such bug: ${unknown.join(', ')}; there are ${MUTANTS.map(({ id }) => id).join(', ')}\n`);
  process.exit(2);
}
if (isDocumented && asked.length > 0) {
  process.stderr.write(`${DOCUMENT} is for a run of all bugs\n`);
  process.exit(2);
}
const mutants = asked.length === 0 ? MUTANTS : MUTANTS.filter(({ id }) => asked.includes(id));

const copy = copyOfTree();
try {
  const commands = [...new Set(mutants.flatMap(({ caughtBy }) => caughtBy))];
  const broken = commands.filter((command) => !passes(command));
  for (const command of broken) process.stderr.write(`fails without any bug: ${command}\n`);
  const rows = broken.length > 0 ? [] : mutants.map(judge);
  const table = `| no. | bug | caught by |\n| --- | --- | --- |\n${rows.map(({ line }) => line).join('\n')}\n`;
  process.stdout.write(`\n${table}`);
  const areCaught = broken.length === 0 && rows.every(({ isCaught }) => isCaught);
  if (areCaught && isDocumented) writeFileSync(join(ROOT, 'docs/mutants.md'), documentOf(table));
  process.exitCode = areCaught ? 0 : 1;
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

function judge({ id, bug, edits, caughtBy }: Mutant): { line: string; isCaught: boolean } {
  const before = edits.map(({ file }) => readFileSync(join(copy, file), 'utf8'));
  for (const edit of edits) apply(id, edit);
  const verdicts = caughtBy.map((command) => ({ command, isCaught: !passes(command) }));
  // The last first: two edits may be of one file.
  for (const [index, text] of [...before.entries()].reverse())
    writeFileSync(join(copy, (edits[index] as Edit).file), text);
  const line = `| ${id} | ${bug} | ${verdicts.map(({ command, isCaught }) => `${isCaught ? '' : 'NOT '}\`${command}\``).join('; ')} |`;
  process.stdout.write(`${line}\n`);
  return { line, isCaught: verdicts.every(({ isCaught }) => isCaught) };
}

function apply(id: string, { file, find, put }: Edit): void {
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  const count = text.split(find).length - 1;
  if (count !== 1) throw new Error(`${id}: its place stands ${count} times in ${file}: ${JSON.stringify(find)}`);
  writeFileSync(
    path,
    text.replace(find, () => put),
  );
}

function passes(command: string): boolean {
  const [program = '', ...args] = command.split(' ');
  const { status } = spawnSync(program, args, { cwd: copy, stdio: 'ignore', timeout: COMMAND_MS_MAX });
  return status === 0;
}

function documentOf(table: string): string {
  return `# Deliberate bugs

Each of these bugs breaks a promise that Clipbook makes. \`npm run mutate\` puts them one by one into a copy of the
source, and runs the tests that must notice. A test that passes with the bug in the source is a gap. The bugs stand
in [test/mutants/list.ts](../test/mutants/list.ts). This table was written by \`npm run mutate -- --document\`.

${table}`;
}
