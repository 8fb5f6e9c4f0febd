/**
 * Several kinds of requests in one run, in turn: those of a bare server, and those of Clipbook. The
 * first kind is the bare server, the second one what the others are compared with.
 */
import { startBare } from './bare-subject.js';
import { startClipbook } from './clipbook-subject.js';
import { type Block, showSpread, spreadOf } from './figures.js';
import { createHttpClient, type HttpClient } from './http-client.js';
import { describeMachine, machineLine } from './machine.js';
import { type Measurement, measure } from './measurement.js';
import type { BenchOptions } from './options.js';
import { diskLine } from './report.js';
import type { Findings } from './results.js';
import type { Subject } from './subject.js';
import { folderOf } from './subjects.js';

export interface Kind {
  readonly name: string;
  readonly on: 'bare' | 'clipbook';
  readonly path: string;
  /** With 8 hash signs where the number of the request goes. */
  readonly body: (bookId: string) => object;
  /** `own`: a key for each request. `same`: all runs send the same keys. */
  readonly keys: 'none' | 'own' | 'same';
  /** All of its requests are refused, with a 4xx. */
  readonly isRefused?: boolean;
}

const ASSIGN = '/api/v1/coupons/assign';
const assigned = {
  path: ASSIGN,
  body: (couponBookId: string) => ({ couponBookId, userId: 'user-########' }),
} as const;

/** What the others are compared with. */
export const COMPARED: readonly Kind[] = [
  { name: 'bare server', on: 'bare', ...assigned, keys: 'none' },
  { name: 'assign, with a key', on: 'clipbook', ...assigned, keys: 'own' },
];

interface Cell extends Measurement {
  readonly kind: string;
}

interface Run {
  readonly name: string;
  readonly kinds: readonly Kind[];
  readonly env?: Readonly<Record<string, string>>;
  /** Before the runs. */
  prepare(client: HttpClient): Promise<void>;
  /** After them: more figures, and a line about them. */
  finish(subject: Subject, client: HttpClient): Promise<{ readonly figures: object; readonly line: string }>;
}

export async function runKinds(
  { name, kinds, env = {}, prepare, finish }: Run,
  { seconds, rounds, warmUpSeconds, connections: [connections = 256] }: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const machine = describeMachine();
  const folder = folderOf(directory, name);
  const bare = await startBare();
  const clipbook = await startClipbook({ name, directory: folder, journal: 'file', env });
  try {
    const bookId = await clipbook.newBook({ redeemableBy: 'assignee' });
    const client = createHttpClient(clipbook.url, await clipbook.token());
    await prepare(client);
    const codes = Math.ceil(40_000 * seconds * (rounds + 1));
    await clipbook.addCodes(bookId, { prefix: 'C', first: 0, count: codes });
    const cells: Cell[] = [];
    let tags = 0;
    const run = async (kind: Kind, forSeconds: number): Promise<Cell> => {
      const subject = kind.on === 'bare' ? bare : clipbook;
      const own = `k${++tags}-`;
      const tag = { none: '-', own, same: 'known-' }[kind.keys];
      const args = [await subject.token(), kind.path, JSON.stringify(kind.body(bookId)), tag];
      const measured = await measure(subject, folder, { script: 'post', connections, seconds: forSeconds, args });
      const valid = kind.isRefused === true ? measured.refused === measured.requests : measured.valid;
      return { kind: kind.name, ...measured, valid };
    };
    for (const kind of kinds) if (warmUpSeconds > 0) await run(kind, warmUpSeconds);
    for (let round = 1; round <= rounds; round++) {
      for (const kind of kinds) {
        const cell = await run(kind, seconds);
        cells.push(cell);
        say(`round ${round}  ${kind.name.padEnd(32)}${cell.rate.toFixed(0)}/s`);
      }
    }
    const { figures, line } = await finish(clipbook, client);
    client.close();
    return {
      name,
      isSound: cells.every(({ valid }) => valid),
      figures: { machine, connections, seconds, rounds, cells, ...figures },
      blocks: [
        blockOf(kinds, cells),
        `${machineLine(machine)}. ${rounds} rounds of ${seconds} s, in turn; ${diskLine(cells)}.`,
        ...(line === '' ? [] : [line]),
      ],
      plots: [],
    };
  } finally {
    await clipbook.stop();
    await bare.stop();
  }
}

function blockOf(kinds: readonly Kind[], cells: readonly Cell[]): Block {
  const of = (name: string): readonly Cell[] => cells.filter(({ kind }) => kind === name);
  const rateOf = (name: string) => spreadOf(of(name).map(({ rate }) => rate));
  const [bare, compared] = kinds;
  const ratio = (name: string, to: Kind | undefined): string =>
    (rateOf(name).median / rateOf(to?.name ?? '').median).toFixed(2);
  const cpu = (name: string, part: string): string =>
    spreadOf(of(name).map(({ cpuUs }) => cpuUs[part] ?? 0)).median.toFixed(1);
  return {
    header: ['what', 'per second', 'of bare', 'of assign', 'p99 ms', 'CPU µs/op', 'http', 'shard', 'helpers'],
    rows: kinds.map(({ name }) => [
      name,
      showSpread(rateOf(name)),
      ratio(name, bare),
      ratio(name, compared),
      spreadOf(of(name).map(({ p99Ms }) => p99Ms)).median.toFixed(1),
      ...['all', 'clipbook http', 'clipbook shard', 'clipbook helpers'].map((part) => cpu(name, part)),
    ]),
  };
}
