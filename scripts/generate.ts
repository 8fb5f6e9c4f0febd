/**
 * `npm run generate`: writes the code of each layer for the records that the features declare.
 * With `--check` it writes nothing but names the files that are out of date; exit code 1 if there
 * are any.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { answersSource } from './generate/answers.js';
import { examplesSource } from './generate/examples.js';
import { journalSource } from './generate/journal.js';
import { liveSource } from './generate/live.js';
import { memorySource } from './generate/memory.js';
import { messagesSource } from './generate/messages.js';
import { routesSource } from './generate/routes.js';
import { rowsSource } from './generate/rows.js';
import { readsSource, rulesSource } from './generate/rules.js';
import { commandsSource, eventsSource, outcomesSource, valuesSource } from './generate/types.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const BIOME = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');

const SOURCES: Readonly<Record<string, () => string>> = {
  'src/records/values.generated.ts': valuesSource,
  'src/records/events.generated.ts': eventsSource,
  'src/records/outcomes.generated.ts': outcomesSource,
  'src/records/commands.generated.ts': commandsSource,
  'src/journal/records.generated.ts': journalSource,
  'src/engine/messages.generated.ts': messagesSource,
  'src/domain/outcome-memory.generated.ts': memorySource,
  'src/http/fast/answers.generated.ts': answersSource,
  'src/http/api/routes/commands.generated.ts': routesSource,
  'src/http/api/examples/commands.generated.ts': examplesSource,
  'src/postgres/projection/event-rows.generated.ts': rowsSource,
  'src/records/live.generated.ts': liveSource,
  'src/features/rules.generated.ts': rulesSource,
  'src/features/coupons/reads.generated.ts': readsSource,
};

const isCheck = process.argv.includes('--check');
const made = await Promise.all(
  Object.entries(SOURCES).map(async ([path, make]) => ({ path, source: await formatted(path, make()) })),
);
const stale = made.filter(({ path, source }) => !existsSync(join(ROOT, path)) || textOf(path) !== source);
for (const { path, source } of stale) {
  if (isCheck) console.error(`${path} does not match the declarations; run npm run generate`);
  else writeFileSync(join(ROOT, path), source);
}
process.exitCode = isCheck && stale.length > 0 ? 1 : 0;

function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** Formats the source as `npm run format` does, which also sorts the imports. */
async function formatted(path: string, source: string): Promise<string> {
  const biome = spawn(process.execPath, [BIOME, 'check', '--write', `--stdin-file-path=${path}`], { cwd: ROOT });
  biome.stdin.end(source);
  const [text, errors, [status]] = await Promise.all([
    readText(biome.stdout),
    readText(biome.stderr),
    once(biome, 'close') as Promise<[number | null]>,
  ]);
  if (status !== 0) throw new Error(`${path} can't be formatted: ${errors}\n${source}`);
  return text;
}
