/**
 * `npm run schemathesis [-- --seed 7 --examples 100]`: every phase of schemathesis over the
 * description, against a real server on an empty data directory. Ends with the seed, and with 1 if
 * anything was found or the server complained.
 */
import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startServer, temporaryDirectory } from '../support/server.js';
import { install, run } from './run.js';

const USAGE = 'usage: npm run schemathesis -- [--seed N] [--examples 50]';

const { seed, examplesMax } = fromCommandLine(USAGE, () => {
  const { values } = parseArgs({
    options: { seed: { type: 'string' }, examples: { type: 'string', default: '50' } },
  });
  return {
    seed: values.seed === undefined ? randomInt(2 ** 31) : wholeNumber('--seed', values.seed, 0),
    examplesMax: wholeNumber('--examples', values.examples),
  };
});

try {
  install();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
const data = await temporaryDirectory();
try {
  const server = await startServer(join(data.path, 'data'));
  const phases = 'examples,coverage,fuzzing,stateful';
  const { exitCode } = await run(server, { seed, phases, examplesMax, isShown: true });
  await server.stop();
  // It logs only what should not happen.
  const logged = server
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  for (const line of logged) console.error(line);
  console.log(`seed ${seed}; again: npm run schemathesis -- --seed ${seed} --examples ${examplesMax}`);
  process.exitCode = exitCode === 0 && logged.length === 0 ? 0 : 1;
} finally {
  await data.remove();
}
