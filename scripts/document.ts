/** `npm run document`: writes what is declared in the source into the docs, between the two marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cliReference } from '../src/cli/reference.js';
import { configurationTable } from '../src/config.js';

write('configuration.md', configurationTable());
write('cli.md', cliReference());

function write(page: string, declared: string): void {
  const path = fileURLToPath(new URL(`../docs/${page}`, import.meta.url));
  const text = readFileSync(path, 'utf8');
  const [before, after] = text.split(/(?<=<!-- declared -->\n)[\s\S]*(?=<!-- end -->)/);
  if (before === undefined || after === undefined) throw new Error(`${path} has lost its marks`);
  writeFileSync(path, `${before}${declared}\n${after}`);
}
