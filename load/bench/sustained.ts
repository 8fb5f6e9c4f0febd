/**
 * The rate under a long load: the yardstick for a while, then one run of wrk for as long as asked,
 * beside which /metrics is read every few seconds. A row of short runs would hide what happens
 * between them, and would rest there.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { whole } from './figures.js';
import { describeMachine } from './machine.js';
import type { Beside } from './measurement.js';
import { readMetrics } from './metrics.js';
import type { BenchOptions } from './options.js';
import type { Findings } from './results.js';
import { folderOf, startSubject } from './subjects.js';
import { type Reading, type Sample, samplesOf, sustainedBlocks, sustainedPlot } from './sustained-report.js';
import { createWorkload, type Workload, type WorkloadOptions } from './workload.js';

const BARE_SECONDS = 20;
const BARE_SECONDS_SHORT = 2;
/** The rate that it begins with is known from a run of this length, and codes are put in for it. */
const RATE_SECONDS = 5;
/**
 * A rate only falls when the projection has to be paid for too, so little more than that is needed.
 */
const STOCK_MARGIN = 1.15;
const SAMPLE_SECONDS = 5;
const SAMPLES_WANTED = 12;

export async function runSustained(
  options: BenchOptions,
  directory: string,
  say: (line: string) => void,
): Promise<Findings> {
  const { sustainedSeconds: seconds, isShort, warmUpSeconds } = options;
  const [connections = 256] = options.connections;
  const machine = describeMachine();
  const alone = { directory, say, stockMargin: STOCK_MARGIN };

  const bare = await withWorkload('bare', alone, async (workload) => {
    await workload.run('assign', connections, warmUpSeconds);
    return workload.run('assign', connections, isShort ? BARE_SECONDS_SHORT : BARE_SECONDS);
  });
  say(`bare  ${whole(bare.rate)}/s`);

  const { clipbook, samples } = await withWorkload('clipbook-file', alone, async (workload) => {
    await workload.run('assign', connections, warmUpSeconds);
    await workload.run('assign', connections, isShort ? warmUpSeconds : RATE_SECONDS);
    const rate = workload.rateOf('assign');
    say(`clipbook-file  ${whole(rate)}/s at first; codes for ${seconds} s of that go in`);
    await workload.stock('assign', Math.ceil(rate * seconds * STOCK_MARGIN) + connections);
    const readings: Reading[] = [];
    const everySeconds = Math.max(1, Math.min(SAMPLE_SECONDS, Math.floor(seconds / SAMPLES_WANTED)));
    const clipbook = await workload.run(
      'assign',
      connections,
      seconds,
      readEvery(everySeconds, workload, readings, say),
    );
    return { clipbook, samples: samplesOf(readings) };
  });

  const figures = { machine, connections, seconds, bare, clipbook, samples };
  return {
    name: 'sustained',
    isSound: bare.valid && clipbook.valid,
    figures,
    blocks: sustainedBlocks(figures),
    plots: [sustainedPlot(figures)],
  };
}

interface Alone {
  readonly directory: string;
  readonly say: (line: string) => void;
  readonly stockMargin: number;
}

async function withWorkload<T>(
  name: 'bare' | 'clipbook-file',
  { directory, say, stockMargin }: Alone,
  use: (workload: Workload) => Promise<T>,
): Promise<T> {
  const folder = folderOf(directory, name);
  const subject = await startSubject(name, folder, say);
  if (subject === null) throw new Error(`${name} can not be started here`);
  const onStocked: WorkloadOptions['onStocked'] = (done, wanted) => {
    if (name !== 'bare' && wanted > 1_000_000) say(`  ${whole(done)} of ${whole(wanted)} codes are in`);
  };
  try {
    return await use(await createWorkload(subject, folder, { stockMargin, onStocked }));
  } finally {
    await subject.stop();
  }
}

/** Adds a reading at the beginning and then at each multiple of the interval. */
function readEvery(seconds: number, { subject }: Workload, readings: Reading[], say: (line: string) => void): Beside {
  return async (signal) => {
    const beganMs = performance.now();
    for (let i = 0; !signal.aborted; i++) {
      const dueMs = beganMs + i * seconds * 1000 - performance.now();
      await wait(Math.max(0, dueMs), null, { signal }).catch(() => null);
      if (signal.aborted) return;
      const metrics = await readMetrics(subject.url);
      const assigned = ['method="POST"', 'route="/api/v1/coupons/assign"', 'status="2xx"'];
      readings.push({
        atSeconds: (performance.now() - beganMs) / 1000,
        answered: metrics.sum('clipbook_http_requests_total', ...assigned),
        lagEvents: metrics.sum('clipbook_projection_lag_events'),
        residentBytes: subject.residentBytes(),
        journalBytes: metrics.sum('clipbook_journal_bytes'),
      });
      const [sample] = samplesOf(readings.slice(-2));
      if (sample !== undefined) say(oneLine(sample));
    }
  };
}

function oneLine({ atSeconds, rate, lagEvents, residentBytes }: Sample): string {
  const memory = `${whole(residentBytes / 2 ** 20)} MiB`;
  return `${atSeconds.toFixed(0).padStart(5)} s  ${whole(rate)}/s  ${whole(lagEvents)} events behind  ${memory}`;
}
