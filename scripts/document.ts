/** `npm run document`: writes what is declared in the source into the docs, between the two marks. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationTable } from '../src/config.js';

const PATH = fileURLToPath(new URL('../docs/configuration.md', import.meta.url));

const text = readFileSync(PATH, 'utf8');
const [before, after] = text.split(/(?<=<!-- declared -->\n)[\s\S]*(?=<!-- end -->)/);
if (before === undefined || after === undefined) throw new Error(`${PATH} has lost its marks`);
writeFileSync(PATH, `${before}${configurationTable()}\n${after}`);
