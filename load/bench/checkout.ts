/**
 * Promotions beside codes, in one run: a bare server, assign with an idempotency key, pricing a
 * cart, and reserving it. Then what a promotion and an open reservation take in memory.
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

interface Kind {
  readonly name: string;
  readonly on: 'bare' | 'clipbook';
  readonly path: string;
  /** With 8 hash signs where the number of the request goes. */
  readonly body: (bookId: string) => object;
  readonly isKeyed: boolean;
}

const CART = { lines: [{ productId: 'shirt', quantity: 2, unitPrice: 19.99 }], shipping: 4.5 };
const ASSIGN = '/api/v1/coupons/assign';
const APPLY = '/api/v1/coupons/apply';

const KINDS: readonly Kind[] = [
  {
    name: 'bare server',
    on: 'bare',
    path: ASSIGN,
    body: (couponBookId) => ({ couponBookId, userId: 'user-########' }),
    isKeyed: false,
  },
  {
    name: 'assign, with a key',
    on: 'clipbook',
    path: ASSIGN,
    body: (couponBookId) => ({ couponBookId, userId: 'user-########' }),
    isKeyed: true,
  },
  {
    name: 'apply',
    on: 'clipbook',
    path: APPLY,
    body: () => ({ code: 'BENCH10', ...CART, userId: 'user-########' }),
    isKeyed: false,
  },
  {
    name: 'apply and reserve, with a key',
    on: 'clipbook',
    path: APPLY,
    body: () => ({ code: 'BENCH10', ...CART, userId: 'user-########', reserve: true, reserveSeconds: 5 }),
    isKeyed: true,
  },
];

interface Cell extends Measurement {
  readonly kind: string;
}

const PROMOTIONS = 2_000;
const RESERVATIONS = 50_000;
const AT_ONCE = 64;
/** Each promotion with a code is an upload of one code, and few may be under way. */
const UPLOADS_AT_ONCE = 4;

export async function runCheckout(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const { seconds, rounds, warmUpSeconds, isShort } = options;
  const [connections = 256] = options.connections;
  const machine = describeMachine();
  const folder = folderOf(directory, 'checkout');
  const bare = await startBare();
  const clipbook = await startClipbook({ name: 'checkout', directory: folder, journal: 'file' });
  try {
    const bookId = await clipbook.newBook({ redeemableBy: 'assignee' });
    const client = createHttpClient(clipbook.url, await clipbook.token());
    await client.expect(201, 'POST', '/api/v1/coupons', { ...TEN, code: 'BENCH10', maxUsage: 1_000_000_000 });
    const runs = rounds + 1;
    const codes = Math.ceil(40_000 * seconds * runs);
    await clipbook.addCodes(bookId, { prefix: 'C', first: 0, count: codes });
    const cells: Cell[] = [];
    let tags = 0;
    const run = async (kind: Kind, forSeconds: number): Promise<Cell> => {
      const subject = kind.on === 'bare' ? bare : clipbook;
      const tag = `k${++tags}-`;
      const body = JSON.stringify(kind.body(bookId));
      const args = [await subject.token(), kind.path, body, kind.isKeyed ? tag : '-'];
      return {
        kind: kind.name,
        ...(await measure(subject, folder, { script: 'post', connections, seconds: forSeconds, args })),
      };
    };
    for (const kind of KINDS) if (warmUpSeconds > 0) await run(kind, warmUpSeconds);
    for (let round = 1; round <= rounds; round++) {
      for (const kind of KINDS) {
        const cell = await run(kind, seconds);
        cells.push(cell);
        say(`round ${round}  ${kind.name.padEnd(32)}${cell.rate.toFixed(0)}/s`);
      }
    }
    const memory = await measureMemory(clipbook, client, isShort);
    client.close();
    return {
      name: 'checkout',
      isSound: cells.every(({ valid }) => valid),
      figures: { machine, connections, seconds, rounds, cells, memory },
      blocks: [
        ...blocksOf(cells, `${machineLine(machine)}. ${rounds} rounds of ${seconds} s, in turn; ${diskLine(cells)}.`),
        `A promotion takes ${memory.promotionBytes} bytes, an open reservation ${memory.reservationBytes}, by the growth of the process.`,
      ],
      plots: [],
    };
  } finally {
    await clipbook.stop();
    await bare.stop();
  }
}

const TEN = { discount: 10, type: 'percentage', couponFor: 'product' };

/** By what the process takes more: V8 gives memory back late, so small numbers say little. */
async function measureMemory(subject: Subject, client: HttpClient, isShort: boolean) {
  const [promotions, reservations] = isShort ? [100, 1_000] : [PROMOTIONS, RESERVATIONS];
  const before = subject.residentBytes();
  await inTurns(promotions, UPLOADS_AT_ONCE, (n) =>
    client.expect(201, 'POST', '/api/v1/coupons', { ...TEN, code: `MEM${n}` }),
  );
  const between = subject.residentBytes();
  const cart = { code: 'MEM1', ...CART, reserve: true, reserveSeconds: 3600 };
  await inTurns(reservations, AT_ONCE, (n) => client.expect(200, 'POST', APPLY, { ...cart, userId: `holder-${n}` }));
  const after = subject.residentBytes();
  return {
    promotionBytes: Math.round((between - before) / promotions),
    reservationBytes: Math.round((after - between) / reservations),
  };
}

async function inTurns(count: number, atOnce: number, work: (n: number) => Promise<unknown>): Promise<void> {
  for (let first = 0; first < count; first += atOnce) {
    const numbers = Array.from({ length: Math.min(atOnce, count - first) }, (_, i) => first + i);
    await Promise.all(numbers.map(work));
  }
}

function blocksOf(cells: readonly Cell[], facts: string): Block[] {
  const of = (name: string): readonly Cell[] => cells.filter(({ kind }) => kind === name);
  const rateOf = (name: string) => spreadOf(of(name).map(({ rate }) => rate));
  const [bare, assign] = KINDS;
  const ratio = (name: string, to: Kind | undefined): string =>
    (rateOf(name).median / rateOf(to?.name ?? '').median).toFixed(2);
  const cpu = (name: string, part: string): string =>
    spreadOf(of(name).map(({ cpuUs }) => cpuUs[part] ?? 0)).median.toFixed(1);
  return [
    {
      header: ['what', 'per second', 'of bare', 'of assign', 'p99 ms', 'CPU µs/op', 'http', 'shard', 'helpers'],
      rows: KINDS.map(({ name }) => [
        name,
        showSpread(rateOf(name)),
        ratio(name, bare),
        ratio(name, assign),
        spreadOf(of(name).map(({ p99Ms }) => p99Ms)).median.toFixed(1),
        ...['all', 'clipbook http', 'clipbook shard', 'clipbook helpers'].map((part) => cpu(name, part)),
      ]),
    },
    facts,
  ];
}
