/** `npm run document`: writes what is declared in the source into the docs, between two marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cliReference } from '../src/cli/reference.js';
import { configurationTable } from '../src/compose/variables.js';
import { reservedWords, reservedWordsText } from '../src/http/api/reserved-words.js';
import { ROUTES } from '../src/http/api/routes/table.js';
import { exitCodesTable } from '../src/platform/exit-codes.js';

write('configuration.md', configurationTable());
write('configuration.md', exitCodesTable(), 'exit codes');
write('cli.md', cliReference());
write('codes.md', reservedWordsText(reservedWords(ROUTES)), 'reserved words');

function write(page: string, declared: string, mark = 'declared'): void {
  const path = fileURLToPath(new URL(`../docs/${page}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const [before, rest] = text.split(`<!-- ${mark} -->\n`);
  const end = rest?.indexOf('<!-- end -->') ?? -1;
  if (before === undefined || rest === undefined || end < 0) throw new Error(`${path} has lost its marks`);
  writeFileSync(path, `${before}<!-- ${mark} -->\n${declared}\n${rest.slice(end)}`);
}
