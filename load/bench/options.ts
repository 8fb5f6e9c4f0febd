/** What `npm run bench` can be asked for. */
import { parseArgs } from 'node:util';
import { SUBJECT_NAMES, type SubjectName } from './subject.js';

export const MODES = ['side-by-side', 'sustained', 'matrix', 'sizes', 'overload'] as const;
export type Mode = (typeof MODES)[number];

export interface BenchOptions {
  readonly mode: Mode;
  readonly connections: readonly number[];
  readonly seconds: number;
  readonly rounds: number;
  readonly only: readonly SubjectName[];
  readonly warmUpSeconds: number;
  /** How long, where the mode is sustained. */
  readonly sustainedSeconds: number;
}

export const USAGE = `usage: npm run bench -- [options]
  --connections 64,256  how many at once; with five or more, plots are drawn (16,64,128,256,512)
  --seconds 5           length of a run
  --rounds 2            how often all are gone through: A B C A B C
  --only NAMES          of ${SUBJECT_NAMES.join(', ')}
  --short               64 connections, 2 s, one round: in less than a minute
or one of
  --sustained SECONDS   the yardstick for 20 s, then Clipbook for that long, with the projector's lag
  --matrix              1, 2 and 4 shard threads by 1 and 2 HTTP threads
  --sizes               books of 1,000 to 1,000,000 codes, and 1 to 10,000 books
  --overload            64 to 4,096 connections: what is answered, what is refused, and how fast`;

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
      sustained: { type: 'string' },
      matrix: { type: 'boolean', default: false },
      sizes: { type: 'boolean', default: false },
      overload: { type: 'boolean', default: false },
    },
  });
  const chosen = MODES.filter((mode) => (mode === 'sustained' ? values.sustained !== undefined : isOn(values, mode)));
  if (chosen.length > 1) throw new Error(`only one of ${chosen.map((mode) => `--${mode}`).join(', ')} at a time`);
  const isShort = values.short;
  return {
    mode: chosen[0] ?? 'side-by-side',
    connections: wholes('connections', values.connections ?? (isShort ? '64' : '64,256')),
    seconds: wholeOf('seconds', values.seconds ?? (isShort ? '2' : '5')),
    rounds: wholeOf('rounds', values.rounds ?? (isShort ? '1' : '2')),
    only: names(values.only),
    warmUpSeconds: isShort ? 1 : 2,
    sustainedSeconds: wholeOf('sustained', values.sustained ?? '300'),
  };
}

function isOn(values: { readonly matrix: boolean; readonly sizes: boolean; readonly overload: boolean }, mode: Mode) {
  return (mode === 'matrix' || mode === 'sizes' || mode === 'overload') && values[mode];
}

function names(given: string | undefined): readonly SubjectName[] {
  if (given === undefined) return SUBJECT_NAMES;
  const asked = given.split(',');
  const unknown = asked.find((name) => !SUBJECT_NAMES.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`--only ${unknown}: known are ${SUBJECT_NAMES.join(', ')}`);
  return SUBJECT_NAMES.filter((name) => asked.includes(name));
}

const wholes = (name: string, given: string): number[] => given.split(',').map((text) => wholeOf(name, text));

function wholeOf(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new Error(`--${name} ${text}: not a whole number above 0`);
  return Number(text);
}
