/**
 * npm run crash -- [--victim clipbook|redis|postgres] [--kills N] [--callers N]: the crash tests at
 * full length, on data of their own. With `REDIS_URL`, Clipbook is killed over that Redis; where
 * Redis is the victim, it is one that is started for it.
 */
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../../scripts/command-line.js';
import { startBuilt } from '../support/build.js';
import { temporaryDirectory } from '../support/server.js';
import { killLoop } from './kill-loop.js';
import { postgresLoop } from './postgres-loop.js';
import { redisLoop } from './redis-loop.js';

const USAGE = `usage: npm run crash -- [options]
  --victim clipbook|redis|postgres  what is killed (clipbook; with REDIS_URL over that Redis)
  --kills N                         how often (50; 20 where it is Redis or PostgreSQL)
  --callers N                       requests under way at once (32; 256 where it is Redis)`;

const values = fromCommandLine(USAGE, readValues);
startBuilt();
const directory = await temporaryDirectory();
const say = (line: string): void => void process.stdout.write(`${line}\n`);
try {
  const faults = await kill();
  for (const line of faults.slice(0, 20)) say(line);
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  await directory.remove();
}

async function kill(): Promise<readonly string[]> {
  switch (values.victim) {
    case 'redis':
      return killRedis();
    case 'postgres':
      return killPostgres();
    default:
      return killClipbook();
  }
}

function readValues() {
  const { values: read } = parseArgs({
    options: {
      victim: { type: 'string', default: 'clipbook' },
      kills: { type: 'string' },
      callers: { type: 'string' },
    },
  });
  // A run without kills would find nothing, and say so.
  for (const name of ['kills', 'callers'] as const) if (read[name] !== undefined) wholeNumber(`--${name}`, read[name]);
  if (!['clipbook', 'redis', 'postgres'].includes(read.victim))
    throw new Error(`--victim ${read.victim}: known are clipbook, redis and postgres`);
  return read;
}

async function killClipbook(): Promise<readonly string[]> {
  const { kills, answered, checked, lost, doubled, misseen, watched } = await killLoop({
    dataDir: directory.path,
    env: process.env['REDIS_URL'] === undefined ? {} : { REDIS_URL: process.env['REDIS_URL'] },
    kills: Number(values.kills ?? 50),
    callers: Number(values.callers ?? 32),
    lifeMs: [300, 3000],
    say,
  });
  say(`${kills} kills, ${answered} answered, ${checked} checked, ${lost.length} lost, ${doubled.length} doubled`);
  say(`live watchers: ${watched.connections} connections, ${watched.events} events, ${misseen.length} wrong`);
  return [...lost, ...doubled, ...misseen];
}

async function killRedis(): Promise<readonly string[]> {
  const { kills, answered, refused, checked, lost, doubled, unexpected, backMs } = await redisLoop({
    dataDir: directory.path,
    kills: Number(values.kills ?? 20),
    callers: Number(values.callers ?? 256),
    lifeMs: [500, 3000],
    awayMs: [100, 1500],
    pauseMs: 50,
    say,
  });
  say(
    `${kills} kills of Redis, ${answered} answered, ${refused} refused, ${checked} checked, ${lost.length} lost, ${doubled.length} doubled; serving again at most ${Math.max(...backMs)} ms after Redis`,
  );
  return [...lost, ...doubled, ...unexpected];
}

async function killPostgres(): Promise<readonly string[]> {
  const { kills, answered, checked, lost, doubled, refused } = await postgresLoop({
    dataDir: directory.path,
    kills: Number(values.kills ?? 20),
    callers: Number(values.callers ?? 32),
    lifeMs: [1000, 4000],
    say,
  });
  say(
    `${kills} kills of PostgreSQL, ${answered} answered, ${checked} checked, ${lost.length} lost, ${doubled.length} doubled, ${refused.length} refused`,
  );
  return [...lost, ...doubled, ...refused];
}
