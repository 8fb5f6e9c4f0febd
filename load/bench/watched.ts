/**
 * What live updates cost the hot path: the rate of assign while nobody watches, while a thousand
 * clients each watch a user, while a thousand watch the counts of the book, and while one client
 * gets every event of the book. One server, in turn.
 */
import { startClipbook } from './clipbook-subject.js';
import { type Block, showSpread, spreadOf } from './figures.js';
import { signIn } from './http-client.js';
import { describeMachine, machineLine } from './machine.js';
import type { Measurement } from './measurement.js';
import type { BenchOptions } from './options.js';
import { type Readers, startReaders } from './readers.js';
import { diskLine } from './report.js';
import type { Findings } from './results.js';
import type { Subject } from './subject.js';
import { folderOf } from './subjects.js';
import { createWorkload, STOCK_MARGIN } from './workload.js';

interface Watchers {
  readonly name: string;
  readonly count: number;
  /** A user gets the counts of a book, and staff its events. */
  readonly isUser?: boolean;
  /** `{n}` is the number of the client. */
  readonly topicOf: (bookId: string) => string;
}

const WATCHERS: readonly Watchers[] = [
  { name: 'nobody', count: 0, topicOf: () => '' },
  { name: '1,000 watch a user each', count: 1000, topicOf: () => 'user:watched-{n}' },
  { name: '1,000 watch the counts of the book', count: 1000, isUser: true, topicOf: (bookId) => `book:${bookId}` },
  { name: 'one gets every event of the book', count: 1, topicOf: (bookId) => `book:${bookId}` },
];

interface Cell extends Measurement {
  readonly watchers: string;
  /** Messages that the watchers got. */
  readonly messages: number;
}

export async function runWatched(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const { seconds, rounds, warmUpSeconds } = options;
  const [connections = 64] = options.connections;
  const machine = describeMachine();
  const folder = folderOf(directory, 'watched');
  const subject = await startClipbook({
    name: 'watched',
    directory: folder,
    journal: 'file',
    env: { LIVE_CONNECTIONS_PER_CALLER_MAX: '2000' },
  });
  const readers = startReaders();
  try {
    let bookId = '';
    const workload = await createWorkload(subject, folder, {
      newBooks: async (settings) => {
        const id = await subject.newBook(settings);
        if (settings.redeemableBy === 'assignee') bookId = id;
        return [id];
      },
    });
    await workload.run('assign', connections, warmUpSeconds);
    const runs = WATCHERS.length * rounds;
    await workload.stock('assign', Math.ceil(workload.rateOf('assign') * seconds * runs * STOCK_MARGIN));
    const cells: Cell[] = [];
    for (let round = 1; round <= rounds; round++) {
      for (const watchers of WATCHERS) {
        await connect(readers, subject, watchers, bookId);
        const measured = await workload.run('assign', connections, seconds);
        const { frames } = readers.progress();
        await readers.obey({ order: 'drop' });
        cells.push({ watchers: watchers.name, messages: frames, ...measured });
        say(`round ${round}  ${watchers.name.padEnd(36)}${measured.rate.toFixed(0)}/s  ${frames} messages`);
      }
    }
    const figures = { machine, connections, seconds, rounds, cells };
    return {
      name: 'watched',
      isSound: cells.every(({ valid }) => valid),
      figures,
      blocks: blocksOf(
        cells,
        `${machineLine(machine)}. ${rounds} rounds of ${seconds} s, in turn; ${diskLine(cells)}.`,
      ),
      plots: [],
    };
  } finally {
    readers.stop();
    await subject.stop();
  }
}

async function connect(
  readers: Readers,
  { url, token }: Subject,
  { count, isUser = false, topicOf }: Watchers,
  bookId: string,
): Promise<void> {
  if (count > 0) {
    const message = JSON.stringify({ type: 'subscribe', topics: [topicOf(bookId)] });
    const bearer = isUser ? await signIn(url, 'user') : await token();
    await readers.obey({ order: 'connect', url, count, token: bearer, message, events: 0 });
  }
  await readers.obey({ order: 'reset' });
}

function blocksOf(cells: readonly Cell[], facts: string): Block[] {
  const [first] = WATCHERS;
  const of = (name: string): readonly Cell[] => cells.filter(({ watchers }) => watchers === name);
  const rateOf = (name: string) => spreadOf(of(name).map(({ rate }) => rate));
  const unwatched = rateOf(first?.name ?? '').median;
  const cpu = (name: string, part: string): string =>
    spreadOf(of(name).map(({ cpuUs }) => cpuUs[part] ?? 0)).median.toFixed(1);
  const parts = ['all', 'clipbook http', 'clipbook shard', 'clipbook live', 'clipbook helpers'];
  return [
    {
      header: ['who watches', 'assigns/s', 'of nobody', 'CPU µs/op', 'http', 'shard', 'live', 'helpers'],
      rows: WATCHERS.map(({ name }) => [
        name,
        showSpread(rateOf(name)),
        (rateOf(name).median / unwatched).toFixed(2),
        ...parts.map((part) => cpu(name, part)),
      ]),
    },
    facts,
  ];
}
