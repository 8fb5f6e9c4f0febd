/** What a sustained run came to: its whole beside the yardstick, and how it went over time. */
import { type Block, ms, type Table, whole } from './figures.js';
import { type Machine, machineLine } from './machine.js';
import type { Measurement } from './measurement.js';
import { type Axis, plotSvg } from './plot.js';
import { diskLine } from './report.js';
import type { Plot } from './results.js';

/** What is read at one moment; two of them make a sample. */
export interface Reading {
  readonly atSeconds: number;
  /** With 2xx, since the start of the server. */
  readonly answered: number;
  readonly lagEvents: number;
  readonly residentBytes: number;
  readonly journalBytes: number;
}

export interface Sample {
  /** When its interval ended. */
  readonly atSeconds: number;
  /** Answers with 2xx a second within the interval. */
  readonly rate: number;
  readonly lagEvents: number;
  readonly residentBytes: number;
  readonly journalBytes: number;
}

export interface Sustained {
  readonly machine: Machine;
  readonly connections: number;
  readonly seconds: number;
  readonly bare: Measurement;
  readonly clipbook: Measurement;
  readonly samples: readonly Sample[];
}

const ROWS_MAX = 20;

/** One sample less than readings. */
export function samplesOf(readings: readonly Reading[]): Sample[] {
  return readings.slice(1).map(({ atSeconds, answered, lagEvents, residentBytes, journalBytes }, i) => {
    const before = readings[i] ?? { atSeconds: 0, answered: 0 };
    const rate = (answered - before.answered) / (atSeconds - before.atSeconds);
    return { atSeconds, rate, lagEvents, residentBytes, journalBytes };
  });
}

export function sustainedBlocks(figures: Sustained): Block[] {
  const { machine, connections, seconds, bare, clipbook, samples } = figures;
  const sure = clipbook.valid ? '' : ` INVALID: ${clipbook.refused} refused, ${clipbook.broken} broken.`;
  return [
    summary(figures),
    overTime(samples),
    `\`assign\` at ${connections} connections for ${seconds} s, one run of wrk.${sure} ${lagLine(figures)}`,
    `${machineLine(machine)}. ${diskLine([bare, clipbook])}.`,
  ];
}

function summary({ bare, clipbook }: Sustained): Table {
  const row = (name: string, run: Measurement): string[] => [
    name,
    whole(run.rate),
    (run.rate / bare.rate).toFixed(2),
    ms(run.p50Ms),
    ms(run.p99Ms),
    ms(run.maxMs),
    (run.cpuUs['all'] ?? 0).toFixed(1),
  ];
  const header = ['', 'ops/s', 'of bare', 'p50 ms', 'p99 ms', 'most ms', 'CPU µs/op'];
  return { header, rows: [row('bare', bare), row('clipbook-file', clipbook)] };
}

/** At most twenty rows, the last sample among them. */
function overTime(samples: readonly Sample[]): Table {
  const step = Math.ceil(samples.length / ROWS_MAX);
  const shown = samples.filter((_, i) => (samples.length - 1 - i) % step === 0);
  const rows = shown.map(({ atSeconds, rate, lagEvents, residentBytes, journalBytes }) => [
    atSeconds.toFixed(0),
    whole(rate),
    whole(lagEvents),
    whole(residentBytes / 2 ** 20),
    whole(journalBytes / 2 ** 20),
  ]);
  return { header: ['after s', 'ops/s', 'events behind', 'resident MiB', 'journal MiB'], rows };
}

/**
 * The lag is bounded when its second half holds no more than its first, whatever it is made of in
 * between.
 */
function lagLine({ samples, clipbook }: Sustained): string {
  const lags = samples.map(({ lagEvents }) => lagEvents);
  const half = Math.ceil(lags.length / 2);
  const first = Math.max(0, ...lags.slice(0, half));
  const second = Math.max(0, ...lags.slice(half));
  const cleared =
    clipbook.lagClearedMs === null ? '' : `, gone ${(clipbook.lagClearedMs / 1000).toFixed(1)} s after the end`;
  return `Events that were answered and not yet in PostgreSQL: at most ${whole(first)} in the first half and ${whole(second)} in the second${cleared}.`;
}

export function sustainedPlot({ samples, seconds, bare, connections }: Sustained): Plot {
  const time: Axis = { label: 'seconds', scale: 'linear' };
  const over = (valueIn: (sample: Sample) => number): (readonly [number, number])[] =>
    samples.map((sample) => [sample.atSeconds, valueIn(sample)]);
  const title = `assign at ${connections} connections for ${seconds} s`;
  const bareLine =
    samples.length === 0
      ? []
      : ([
          [0, bare.rate],
          [samples.at(-1)?.atSeconds ?? 0, bare.rate],
        ] as const);
  const svg = plotSvg(title, [
    {
      x: time,
      y: { label: 'operations/s', scale: 'linear' },
      series: [
        { name: 'bare, mean', points: bareLine },
        { name: 'clipbook-file', points: over(({ rate }) => rate) },
      ],
    },
    {
      x: time,
      y: { label: 'events answered and not yet in PostgreSQL', scale: 'linear' },
      series: [{ name: 'clipbook-file', points: over(({ lagEvents }) => lagEvents) }],
    },
    {
      x: time,
      y: { label: 'resident MiB', scale: 'linear' },
      series: [{ name: 'clipbook-file', points: over(({ residentBytes }) => residentBytes / 2 ** 20) }],
    },
  ]);
  return { name: 'sustained', title, svg };
}
