/** npm run crash -- [--kills N] [--callers N]: the crash test at full length, on a data directory of its own. */
import { parseArgs } from 'node:util';
import { temporaryDirectory } from '../support/server.js';
import { killLoop } from './kill-loop.js';

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, callers: { type: 'string', default: '32' } },
});
const directory = await temporaryDirectory();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  const report = await killLoop({
    dataDir: directory.path,
    env: process.env['REDIS_URL'] === undefined ? {} : { REDIS_URL: process.env['REDIS_URL'] },
    kills: Number(values.kills),
    callers: Number(values.callers),
    lifeMs: [300, 3000],
    say,
  });
  for (const line of [...report.lost, ...report.doubled].slice(0, 20)) say(line);
  say(
    `${report.kills} kills, ${report.answered} answered, ${report.checked} checked, ${report.lost.length} lost, ${report.doubled.length} doubled`,
  );
  process.exitCode = report.lost.length + report.doubled.length === 0 ? 0 : 1;
} finally {
  await directory.remove();
}
