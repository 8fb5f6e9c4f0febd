/**
 * Computes operations per second on more cores, and the limiting part, from microseconds of a core
 * per operation.
 *
 * The model is a sum and a minimum: all cores together give `cores` seconds a second, and what can
 * only run on one thread gives one. It takes costs as they were measured, so it holds as far as
 * they stay: as far as threads share no more than they did where it was measured, and memory and
 * disk keep up. The load generator is not in it: it is on other machines.
 *
 * HTTP and shard threads can be as many as one likes. The projector is one thread, and it writes
 * over one connection, which is one process of PostgreSQL. These two work behind the answer: a
 * burst is answered past them, and the journal holds the difference. So there are two rates, one
 * for a burst and one that lasts.
 */
import { type Table, whole } from './figures.js';

/** Microseconds of a core per operation. */
export interface Costs {
  readonly http: number;
  readonly shard: number;
  readonly projector: number;
  /**
   * Of V8 and libuv: collecting garbage, syncing the journal. They are several, so no one thread
   * stops them.
   */
  readonly helpers: number;
  readonly main: number;
  /** The one that the projector writes over, nearly all of it. */
  readonly postgresBackend: number;
  readonly postgresOthers: number;
}

export interface Scale {
  readonly cores: number;
  /** A second, as long as the load stays. */
  readonly lasting: number;
  /** What stops that rate. */
  readonly stop: string;
  /** While the projection rests. */
  readonly burst: number;
  /** Threads that the burst needs. */
  readonly httpThreads: number;
  readonly shardThreads: number;
}

const LABELS = {
  http: 'clipbook http',
  shard: 'clipbook shard',
  projector: 'clipbook projector',
  helpers: 'clipbook helpers',
  main: 'clipbook main',
  postgresBackend: 'postgres backends',
  postgresOthers: 'postgres others',
} as const satisfies Record<keyof Costs, string>;

/**
 * Out of what a run measured; what it did not see costs nothing. What works behind the answer is
 * taken as it was when all was carried out, since a run ends with work put off.
 */
export function costsOf(
  cpuUs: Readonly<Record<string, number>>,
  settledCpuUs: Readonly<Record<string, number>>,
): Costs {
  const of = (part: keyof Costs): number => cpuUs[LABELS[part]] ?? 0;
  const settled = (part: keyof Costs): number => settledCpuUs[LABELS[part]] ?? 0;
  return {
    http: of('http'),
    shard: of('shard'),
    projector: settled('projector'),
    helpers: of('helpers'),
    main: of('main'),
    postgresBackend: settled('postgresBackend'),
    postgresOthers: settled('postgresOthers'),
  };
}

export function scaleTo(cores: number, costs: Costs): Scale {
  const { http, shard, projector, helpers, main, postgresBackend, postgresOthers } = costs;
  const inFront = http + shard + helpers + main;
  const all = inFront + projector + postgresBackend + postgresOthers;
  const stops = [
    { stop: 'all cores are busy', rate: perSecond(all, cores) },
    { stop: 'the projector, one thread', rate: perSecond(projector) },
    { stop: "the projector's connection, one process of PostgreSQL", rate: perSecond(postgresBackend) },
    { stop: 'the main thread', rate: perSecond(main) },
  ];
  const least = stops.reduce((a, b) => (b.rate < a.rate ? b : a));
  const burst = Math.min(perSecond(inFront, cores), perSecond(main));
  return {
    cores,
    lasting: least.rate,
    stop: least.stop,
    burst,
    httpThreads: threadsFor(burst, http),
    shardThreads: threadsFor(burst, shard),
  };
}

/** What one thread or process of each kind can do at most. */
export function oneCoreTable(title: string, costs: Costs): Table {
  const rows = (Object.keys(LABELS) as (keyof Costs)[]).map((part) => {
    const us = costs[part];
    return [LABELS[part], us.toFixed(2), us < 0.01 ? '' : whole(perSecond(us)), HOW_MANY[part]];
  });
  return { header: [title, 'CPU µs/op', 'ops/s that one core of it can do', 'how many'], rows };
}

export function scaleTable(title: string, scales: readonly Scale[]): Table {
  const rows = scales.map(({ cores, lasting, stop, burst, httpThreads, shardThreads }) => [
    String(cores),
    whole(lasting),
    stop,
    whole(burst),
    String(httpThreads),
    String(shardThreads),
  ]);
  const header = [
    `${title}: cores`,
    'ops/s that last',
    'stopped by',
    'ops/s in a burst',
    'HTTP threads',
    'shard threads',
  ];
  return { header, rows };
}

const HOW_MANY: Readonly<Record<keyof Costs, string>> = {
  http: 'HTTP_THREADS',
  shard: 'SHARD_THREADS',
  projector: 'one',
  helpers: 'several',
  main: 'one',
  postgresBackend: 'one writes',
  postgresOthers: 'several',
};

const perSecond = (us: number, cores = 1): number => (us > 0 ? (cores * 1e6) / us : Number.POSITIVE_INFINITY);

const threadsFor = (rate: number, us: number): number => Math.max(1, Math.ceil((rate * us) / 1e6 - 1e-9));
