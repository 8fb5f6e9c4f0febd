/**
 * npm run power-cuts -- [--cuts N] [--seed N]: power cuts at full length. Needs /dev/fuse, a C
 * compiler and libfuse 3.
 */
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startBuilt } from '../support/build.js';
import { temporaryDirectory } from '../support/server.js';
import { whatIsMissing } from './cut-fs.js';
import { powerCuts } from './power-cuts.js';

const USAGE = `usage: npm run power-cuts -- [options]
  --cuts N  how often the power is cut (300)
  --seed N  of the first cut; each one after it takes the next (1)`;

const { cuts, seed } = fromCommandLine(USAGE, readValues);
const missing = whatIsMissing();
if (missing !== null) {
  process.stderr.write(`no power cuts: ${missing}\n`);
  process.exit(1);
}
startBuilt();
const directory = await temporaryDirectory();
try {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const report = await powerCuts({ dataDir: directory.path, cuts, seed, lifeMs: [100, 1500], say });
  const { kills, answered, checked, lost, doubled, undone } = report;
  say(
    `${kills} power cuts under load, ${undone.cuts - kills} during a start; ${undone.names} names and ${undone.pages} pages undone; ` +
      `${answered} answered, ${checked} checked, ${lost.length} lost, ${doubled.length} doubled`,
  );
  for (const line of [...lost, ...doubled].slice(0, 20)) say(line);
  process.exitCode = lost.length + doubled.length === 0 ? 0 : 1;
} finally {
  await directory.remove();
}

function readValues(): { cuts: number; seed: number } {
  const { values } = parseArgs({
    options: { cuts: { type: 'string', default: '300' }, seed: { type: 'string', default: '1' } },
  });
  return { cuts: wholeNumber('--cuts', values.cuts), seed: wholeNumber('--seed', values.seed) };
}
