/**
 * npm run bench:live [-- --clients 10000] [--rounds 3] [--seconds 5] [--window 8]
 *
 * Many clients watch one book. It measures
 *
 *   1. the highest rate of deliveries, beside a bare uWebSockets.js that publishes the same bytes;
 *      the two take turns;
 *   2. at 0.7 of that rate: the time from a change to its arrival, and memory per connection;
 *   3. the same while a tenth of the clients stop reading;
 *   4. how long it takes until all clients have caught up that were dropped at once.
 *
 * The highest rate is that of a closed loop: the next event is published when fewer than `--window`
 * events have not arrived everywhere yet. The clients are in processes of their own
 * (live-readers.ts).
 */
import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { fromCommandLine, wholeNumber } from '../scripts/command-line.js';
import { build, ROOT, startNode, stopChildren } from './bench/child.js';
import { residentBytes } from './bench/cpu.js';
import { createHttpClient, type HttpClient, signIn } from './bench/http-client.js';
import { describeMachine, machineLine } from './bench/machine.js';
import { readMetrics } from './bench/metrics.js';
import { type Readers, startReaders } from './bench/readers.js';

const USAGE = 'usage: npm run bench:live [-- --clients 10000] [--rounds 3] [--seconds 5] [--window 8]';
const { clients, rounds, seconds, window } = fromCommandLine(USAGE, () => {
  const { values } = parseArgs({
    options: {
      clients: { type: 'string', default: '10000' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      window: { type: 'string', default: '8' },
    },
  });
  return {
    clients: wholeNumber('--clients', values.clients),
    rounds: wholeNumber('--rounds', values.rounds),
    seconds: wholeNumber('--seconds', values.seconds),
    window: wholeNumber('--window', values.window),
  };
});

const CODES = 100_000;
const STEADY_SHARE = 0.7;
const STALLED_SHARE = 0.1;
const MISSED_EVENTS = 100;
/** Files that a process has open besides its clients. */
const OTHER_FILES = 500;
const MS_MAX = 10 * 60_000;

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const children: ChildProcess[] = [];
const ofReaders: Readers[] = [];
const deadline = setTimeout(() => void end(new Error('it took too long')), MS_MAX);

async function end(error: unknown): Promise<void> {
  clearTimeout(deadline);
  for (const child of children) if (child.connected) child.disconnect();
  for (const readers of ofReaders) readers.stop();
  await stopChildren();
  rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  if (error === null) return;
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** What publishes an event to all clients of `readers`. */
interface Subject {
  readonly readers: Readers;
  publish(): void;
}

/** Deliveries a second, and events a second. */
async function highestRate({ readers, publish }: Subject): Promise<{ deliveries: number; events: number }> {
  await readers.obey({ order: 'reset' });
  const beganMs = performance.now();
  for (let published = 0; performance.now() - beganMs < seconds * 1000; ) {
    if (published - readers.progress().events >= window) await readers.next();
    else {
      publish();
      published++;
    }
  }
  const { frames, events } = readers.progress();
  const tookSeconds = (performance.now() - beganMs) / 1000;
  return { deliveries: frames / tookSeconds, events: events / tookSeconds };
}

/** Publishes at this rate, and waits until all of it has arrived. */
async function latenciesAt({ readers, publish }: Subject, eventsPerSecond: number): Promise<readonly number[]> {
  await readers.obey({ order: 'reset' });
  const total = Math.ceil(eventsPerSecond * seconds * 2);
  const beganMs = performance.now();
  for (let n = 0; n < total; n++) {
    const dueMs = beganMs + (n * 1000) / eventsPerSecond;
    if (dueMs > performance.now()) await sleep(dueMs - performance.now());
    publish();
  }
  while (readers.progress().events < total) await readers.next();
  return (await readers.obey({ order: 'latencies' })).latencies;
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
const median = (values: readonly number[]): number =>
  quantile(
    [...values].sort((a, b) => a - b),
    0.5,
  );
const thousands = (value: number): string => Math.round(value).toLocaleString('en-US');
const describe = (latencies: readonly number[]): string =>
  `median ${quantile(latencies, 0.5)} ms, p99 ${quantile(latencies, 0.99)} ms, most ${latencies.at(-1) ?? 0} ms`;

async function startBare(text: string): Promise<Subject> {
  const child = fork(join(ROOT, 'dist/load/live-bare.js'), { stdio: 'inherit', execArgv: [] });
  children.push(child);
  const [{ url }] = (await once(child, 'message')) as [{ readonly url: string }];
  const readers = startReaders();
  ofReaders.push(readers);
  await readers.obey({ order: 'connect', url, count: clients, token: '', message: null, events: 0 });
  return { readers, publish: () => void child.send(text) };
}

async function makeBook(http: HttpClient): Promise<string> {
  const { id } = await http.expect(201, 'POST', '/api/v1/coupon-books', { name: 'bench' });
  const codes = Array.from({ length: CODES }, (_, n) => `LIVE-${String(n).padStart(8, '0')}\n`);
  await http.expect(200, 'POST', `/api/v1/coupon-books/${String(id)}/codes`, ['code\n', codes.join('')]);
  return String(id);
}

async function resumes(url: string): Promise<Readonly<Record<string, number>>> {
  const metrics = await readMetrics(url);
  const of = (source: string): number => metrics.sum('clipbook_live_resumes_total', `source="${source}"`);
  return { ring: of('ring'), journal: of('journal'), audit: of('audit') };
}

async function main(): Promise<void> {
  build();
  say(machineLine(describeMachine()));
  const server = await startNode('src/main.js', {
    LOG_LEVEL: 'warn',
    DATA_DIR: join(directory, 'data'),
    HTTP_THREADS: '1',
    SHARD_THREADS: '1',
    LIVE_CONNECTIONS_MAX: String(2 * clients),
    LIVE_CONNECTIONS_PER_CALLER_MAX: String(2 * clients),
  });
  const { url } = server;
  const token = await signIn(url, 'admin');
  const http = createHttpClient(url, token);
  const couponBookId = await makeBook(http);
  const topics = [`book:${couponBookId}`];

  const readers = startReaders();
  ofReaders.push(readers);
  const subscribe = (more: object): string => JSON.stringify({ type: 'subscribe', topics, ...more });
  const beforeBytes = residentBytes(server.pid);
  await readers.obey({ order: 'connect', url, count: clients, token, message: subscribe({}), events: 0 });
  const perClient = (residentBytes(server.pid) - beforeBytes) / clients;
  say(`${thousands(clients)} clients are connected: ${(perClient / 1024).toFixed(1)} KiB of memory for each`);

  let published = 0;
  const publish = (): void => {
    const userId = `user-${String(published++).padStart(8, '0')}`;
    http.expect(200, 'POST', '/api/v1/coupons/assign', { couponBookId, userId }).catch((error: unknown) => end(error));
  };
  const ours: Subject = { readers, publish };
  await latenciesAt(ours, 5);
  const bare = await startBare(readers.progress().last);
  say(`the event: ${readers.progress().last}`);

  const rates: { readonly bare: number; readonly ours: number; readonly events: number }[] = [];
  for (let round = 1; round <= rounds; round++) {
    const ofBare = await highestRate(bare);
    await sleep(500);
    const ofOurs = await highestRate(ours);
    await sleep(1500);
    rates.push({ bare: ofBare.deliveries, ours: ofOurs.deliveries, events: ofOurs.events });
    say(
      `round ${round}: bare ${thousands(ofBare.deliveries)} deliveries/s, Clipbook ${thousands(ofOurs.deliveries)} ` +
        `(${ofOurs.events.toFixed(1)} events/s and book.counts), ratio ${(ofOurs.deliveries / ofBare.deliveries).toFixed(2)}`,
    );
  }
  await bare.readers.obey({ order: 'drop' });
  say(`median ratio ${median(rates.map((rate) => rate.ours / rate.bare)).toFixed(2)}, wanted 0.70`);

  const eventsPerSecond = median(rates.map(({ events }) => events)) * STEADY_SHARE;
  const calm = await latenciesAt(ours, eventsPerSecond);
  say(`at ${eventsPerSecond.toFixed(1)} events/s, from the change to the arrival: ${describe(calm)}`);

  const stalled = Math.floor(clients * STALLED_SHARE);
  await readers.obey({ order: 'stall', count: stalled });
  const beside = await latenciesAt(ours, eventsPerSecond);
  const ratio = quantile(beside, 0.99) / quantile(calm, 0.99);
  say(`beside ${thousands(stalled)} clients that do not read: ${describe(beside)}; p99 ratio ${ratio.toFixed(2)}`);

  await sleep(1500);
  const cursor = /"cursor":"([^"]*)"/.exec(readers.progress().last)?.[1] ?? '';
  await readers.obey({ order: 'drop' });
  for (let n = 0; n < MISSED_EVENTS; n++) publish();
  while ((await readMetrics(url)).sum('clipbook_live_connections') > 0) await sleep(50);
  const before = await resumes(url);
  const returnedMs = performance.now();
  const message = subscribe({ since: cursor });
  await readers.obey({ order: 'connect', url, count: clients, token, message, events: MISSED_EVENTS });
  const tookSeconds = (performance.now() - returnedMs) / 1000;
  const after = await resumes(url);
  const sources = Object.entries(after).map(([source, count]) => `${source} ${count - (before[source] ?? 0)}`);
  say(
    `${thousands(clients)} clients returned and had the ${MISSED_EVENTS} missed events after ` +
      `${tookSeconds.toFixed(1)} s; chunks read from ${sources.join(', ')}`,
  );
  http.close();
}

const directory = mkdtempSync(join(tmpdir(), 'clipbook-live-'));
// PostgreSQL may run as another user, which needs access to the directory.
chmodSync(directory, 0o755);
const files = Number(spawnSync('sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).stdout);
if (files < clients + OTHER_FILES) {
  await end(new Error(`${clients} clients need \`ulimit -n ${clients + OTHER_FILES}\`; it is ${files}`));
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(new Error(signal)));
await main().then(
  () => end(null),
  (error: unknown) => end(error),
);
process.exit(0);
