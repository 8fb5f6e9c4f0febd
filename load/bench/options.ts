/** What `npm run bench` can be asked for. */
import { parseArgs } from 'node:util';
import { wholeNumber } from '../../scripts/command-line.js';
import { SUBJECT_NAMES, type SubjectName } from './subject.js';

const MODES = ['side-by-side', 'sustained', 'matrix', 'sizes', 'overload', 'watched', 'checkout', 'orders'] as const;
export type Mode = (typeof MODES)[number];

export interface BenchOptions {
  readonly mode: Mode;
  /** Exactly one where the mode is sustained, sizes, watched, checkout or orders. */
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly only: readonly SubjectName[];
  /** 0 (none) only where the mode is side-by-side. */
  readonly warmUpSeconds: number;
  /** How long, where the mode is sustained. */
  readonly sustainedSeconds: number;
  /** Fewer of what a mode goes through, to see that it works. */
  readonly isShort: boolean;
  readonly publish: boolean;
}

export const USAGE = `usage: npm run bench -- [options]
  --connections 64,256  how many at once; with five or more, plots are drawn (16,64,128,256,512)
  --seconds 5           length of a run
  --rounds 2            how often all are gone through: A B C A B C
  --only NAMES          of ${SUBJECT_NAMES.join(', ')}
  --short               64 connections, 1 s, one round, no warm-up: in less than a minute, to see that all works
  --publish             copies tables and plots from load/results/ to docs/bench/
or one of
  --sustained SECONDS   the yardstick for 20 s, then Clipbook for that long, with the projector's lag
  --matrix              1, 2 and 4 shard threads by 1 and 2 HTTP threads
  --sizes               books of 1,000 to 1,000,000 codes, and 1 to 10,000 books
  --overload            64 to 4,096 connections: what is answered, what is refused, and how fast
  --watched             assign while 1,000 clients watch live updates, beside nobody who watches
  --checkout            pricing and reserving a cart beside assign and the yardstick, and memory
  --orders              orders of a flash sale beside assign and the yardstick
each with the same options but --only; those after --sustained with --short go through less, to see that they work`;

interface Defaults {
  readonly connections: string;
  readonly shortConnections: string;
  readonly rounds: string;
  readonly shortSeconds: string;
  readonly shortWarmUpSeconds: number;
}

const DEFAULTS: Readonly<Record<Mode, Defaults>> = {
  'side-by-side': {
    connections: '64,256',
    shortConnections: '64',
    rounds: '2',
    shortSeconds: '1',
    shortWarmUpSeconds: 0,
  },
  sustained: { connections: '256', shortConnections: '256', rounds: '1', shortSeconds: '2', shortWarmUpSeconds: 1 },
  matrix: { connections: '256', shortConnections: '64', rounds: '2', shortSeconds: '2', shortWarmUpSeconds: 1 },
  sizes: { connections: '64', shortConnections: '64', rounds: '3', shortSeconds: '2', shortWarmUpSeconds: 1 },
  overload: {
    connections: '64,256,512,1024,2048,4096',
    shortConnections: '64,1024,4096',
    rounds: '1',
    shortSeconds: '2',
    shortWarmUpSeconds: 1,
  },
  watched: { connections: '64', shortConnections: '64', rounds: '3', shortSeconds: '2', shortWarmUpSeconds: 1 },
  checkout: { connections: '256', shortConnections: '64', rounds: '3', shortSeconds: '2', shortWarmUpSeconds: 1 },
  orders: { connections: '256', shortConnections: '64', rounds: '3', shortSeconds: '2', shortWarmUpSeconds: 1 },
};
const WITH_ONE_COUNT: ReadonlySet<Mode> = new Set(['sustained', 'sizes', 'watched', 'checkout', 'orders']);
/** A token is good for an hour, and wrk has one for a whole run. */
const SUSTAINED_SECONDS_MAX = 3_000;

/** Throws a line that names what is wrong. */
export function readOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      connections: { type: 'string' },
      seconds: { type: 'string' },
      rounds: { type: 'string' },
      only: { type: 'string' },
      short: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      sustained: { type: 'string' },
      matrix: { type: 'boolean', default: false },
      sizes: { type: 'boolean', default: false },
      overload: { type: 'boolean', default: false },
      watched: { type: 'boolean', default: false },
      checkout: { type: 'boolean', default: false },
      orders: { type: 'boolean', default: false },
    },
  });
  const { short: isShort, publish, matrix, sizes, overload, watched, checkout, orders } = values;
  const asked = {
    'side-by-side': false,
    sustained: values.sustained !== undefined,
    matrix,
    sizes,
    overload,
    watched,
    checkout,
    orders,
  };
  const chosen = MODES.filter((mode) => asked[mode]);
  if (chosen.length > 1) throw new Error(`only one of ${chosen.map((mode) => `--${mode}`).join(', ')} at a time`);
  const mode = chosen[0] ?? 'side-by-side';
  if (mode !== 'side-by-side' && values.only !== undefined) throw new Error(`--only does not go with --${mode}`);
  const byDefault = DEFAULTS[mode];
  const given = values.connections ?? (isShort ? byDefault.shortConnections : byDefault.connections);
  const connections = wholes('connections', given);
  if (WITH_ONE_COUNT.has(mode) && connections.length > 1)
    throw new Error(`--connections ${given}: --${mode} takes one count`);
  const sustainedSeconds = wholeNumber('--sustained', values.sustained ?? '300');
  if (sustainedSeconds > SUSTAINED_SECONDS_MAX)
    throw new Error(`--sustained ${sustainedSeconds}: at most ${SUSTAINED_SECONDS_MAX}`);
  return {
    mode,
    connections,
    seconds: wholeNumber('--seconds', values.seconds ?? (isShort ? byDefault.shortSeconds : '5')),
    rounds: wholeNumber('--rounds', values.rounds ?? (isShort ? '1' : byDefault.rounds)),
    only: names(values.only),
    warmUpSeconds: isShort ? byDefault.shortWarmUpSeconds : 2,
    sustainedSeconds,
    isShort,
    publish,
  };
}

function names(given: string | undefined): readonly SubjectName[] {
  if (given === undefined) return SUBJECT_NAMES;
  const asked = given.split(',');
  const unknown = asked.find((name) => !SUBJECT_NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: known are ${SUBJECT_NAMES.join(', ')}`);
  return SUBJECT_NAMES.filter((name) => asked.includes(name));
}

const wholes = (name: string, given: string): number[] =>
  given.split(',').map((text) => wholeNumber(`--${name}`, text));
