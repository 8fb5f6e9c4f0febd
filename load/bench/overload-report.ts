/**
 * What an overload run came to: is the answered rate flat, are refusals quick, is the tail bounded.
 */
import { type Block, ms, spreadOf, type Table, whole } from './figures.js';
import { type Machine, machineLine } from './machine.js';
import type { Measurement } from './measurement.js';
import { plotSvg, type Series } from './plot.js';
import { diskLine, distinct } from './report.js';
import { CONNECTIONS } from './report-plots.js';
import type { Plot } from './results.js';
import type { Split } from './wrk.js';

export interface OverloadRun extends Measurement {
  readonly series: string;
  readonly connections: number;
  readonly split: Split;
}

export interface Overload {
  readonly machine: Machine;
  readonly seconds: number;
  readonly rounds: number;
  readonly runs: readonly OverloadRun[];
}

/** Medians over the rounds. */
interface Point {
  readonly series: string;
  readonly connections: number;
  readonly answeredRate: number;
  readonly refusedRate: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly refusedP50Ms: number;
  readonly refusedP99Ms: number;
  readonly residentBytes: number;
  /** Neither 200 nor 503 with `Retry-After`, and connections that broke. */
  readonly flaws: number;
}

export function showRun(run: OverloadRun): string {
  const { connections, series, answeredRate, refusedRate, p99Ms, refusedP99Ms } = pointOf([run]);
  const refused = refusedRate === 0 ? '' : `  ${whole(refusedRate)}/s refused, p99 ${ms(refusedP99Ms)} ms`;
  return `${connections}  ${series}  ${whole(answeredRate)}/s answered, p99 ${ms(p99Ms)} ms${refused}`;
}

export function overloadBlocks({ machine, seconds, rounds, runs }: Overload): Block[] {
  const points = pointsOf(runs);
  return [
    ...distinct(points.map(({ series }) => series)).map((series) => seriesTable(series, points)),
    'Half assigns, half unassigns; latencies as the clients see them. Refused is 503 with `Retry-After`.',
    `${machineLine(machine)}. Medians of ${rounds} rounds of ${seconds} s; ${diskLine(runs)}.`,
  ];
}

function seriesTable(series: string, points: readonly Point[]): Table {
  const own = points.filter((point) => point.series === series);
  const most = Math.max(...own.map(({ answeredRate }) => answeredRate));
  const rows = own.map((point) => [
    String(point.connections),
    whole(point.answeredRate),
    (point.answeredRate / most).toFixed(2),
    ms(point.p50Ms),
    ms(point.p99Ms),
    whole(point.refusedRate),
    point.refusedRate === 0 ? '' : ms(point.refusedP50Ms),
    point.refusedRate === 0 ? '' : ms(point.refusedP99Ms),
    whole(point.residentBytes / 2 ** 20),
    whole(point.flaws),
  ]);
  const answered = ['answered/s', 'of its most', 'p50 ms', 'p99 ms'];
  const header = [
    `${series}: connections`,
    ...answered,
    'refused/s',
    'p50 ms',
    'p99 ms',
    'resident MiB',
    'anything else',
  ];
  return { header, rows };
}

export function overloadPlot(runs: readonly OverloadRun[]): Plot {
  const points = pointsOf(runs);
  const curves = (valueIn: (point: Point) => number): Series[] =>
    distinct(points.map(({ series }) => series)).map((name) => ({
      name,
      points: points
        .filter(({ series }) => series === name)
        .map((point) => [point.connections, valueIn(point)] as const),
    }));
  const title = 'Overload: what is answered, what is refused, and how fast';
  const svg = plotSvg(title, [
    { x: CONNECTIONS, y: { label: 'answered/s', scale: 'linear' }, series: curves((it) => it.answeredRate) },
    { x: CONNECTIONS, y: { label: 'refused/s', scale: 'linear' }, series: curves((it) => it.refusedRate) },
    { x: CONNECTIONS, y: { label: 'p99 of the answered, ms', scale: 'log' }, series: curves((it) => it.p99Ms) },
    {
      x: CONNECTIONS,
      y: { label: 'resident MiB', scale: 'linear' },
      series: curves((it) => it.residentBytes / 2 ** 20),
    },
  ]);
  return { name: 'overload', title, svg };
}

function pointsOf(runs: readonly OverloadRun[]): Point[] {
  return distinct(runs.map(({ series }) => series)).flatMap((series) => {
    const own = runs.filter((run) => run.series === series);
    return distinct(own.map(({ connections }) => connections))
      .sort((a, b) => a - b)
      .map((connections) => pointOf(own.filter((run) => run.connections === connections)));
  });
}

function pointOf(runs: readonly OverloadRun[]): Point {
  const [{ series, connections }] = runs as [OverloadRun, ...OverloadRun[]];
  const median = (of: (run: OverloadRun) => number): number => spreadOf(runs.map(of)).median;
  const seconds = (run: OverloadRun): number => run.requests / run.rate;
  return {
    series,
    connections,
    answeredRate: median((run) => run.split.answered.count / seconds(run)),
    refusedRate: median((run) => run.split.refused.count / seconds(run)),
    p50Ms: median(({ split }) => split.answered.p50Ms),
    p99Ms: median(({ split }) => split.answered.p99Ms),
    refusedP50Ms: median(({ split }) => split.refused.p50Ms),
    refusedP99Ms: median(({ split }) => split.refused.p99Ms),
    residentBytes: median((run) => run.residentBytes),
    flaws: runs.reduce((sum, { split, broken }) => sum + split.other + split.untold + broken, 0),
  };
}
