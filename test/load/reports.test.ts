import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Block, markdownTable, renderBlocks, textTable } from '../../load/bench/figures.js';
import type { Machine } from '../../load/bench/machine.js';
import { matrixBlocks } from '../../load/bench/matrix.js';
import type { Measurement } from '../../load/bench/measurement.js';
import { parseMetrics } from '../../load/bench/metrics.js';
import { type OverloadRun, overloadBlocks, overloadPlot } from '../../load/bench/overload-report.js';
import { reportBlocks } from '../../load/bench/report.js';
import { overConnections } from '../../load/bench/report-plots.js';
import { writeFindings } from '../../load/bench/results.js';
import { costsOf, scaleTo } from '../../load/bench/scaling.js';
import { type SizeRun, sizesBlocks } from '../../load/bench/sizes.js';
import { type Reading, samplesOf, sustainedBlocks, sustainedPlot } from '../../load/bench/sustained-report.js';
import type { Cell } from '../../load/bench/turns.js';
import { parseWrk } from '../../load/bench/wrk.js';

const machine: Machine = {
  cpu: 'a processor',
  cores: 2,
  memoryGiB: 4,
  kernel: 'Linux',
  node: 'v20',
  commit: 'abc',
  at: '2026-01-01T00:00:00.000Z',
};

const CPU_US = { 'clipbook http': 10, 'clipbook shard': 5, 'clipbook projector': 1, 'postgres backends': 4, all: 20 };
/** A run ends with work put off. */
const SETTLED_US = { ...CPU_US, 'clipbook projector': 2, 'postgres backends': 8, all: 25 };

const measured = (changes: Partial<Measurement> = {}): Measurement => ({
  requests: 100_000,
  rate: 50_000,
  p50Ms: 1,
  p99Ms: 4,
  maxMs: 9,
  refused: 0,
  broken: 0,
  valid: true,
  cpuUs: CPU_US,
  settledCpuUs: SETTLED_US,
  lagEventsAtEnd: 10,
  lagClearedMs: 500,
  residentBytes: 200 * 2 ** 20,
  sync: { p50Ms: 0.1, p99Ms: 0.2 },
  ...changes,
});

const cell = (subject: string, connections: number, changes: Partial<Cell> = {}): Cell => ({
  ...measured(),
  subject,
  operation: 'assign',
  connections,
  round: 1,
  ...changes,
});

const asText = (blocks: readonly Block[]): string => renderBlocks(blocks, textTable);

test('a rate is put beside the yardstick at the same connections, and an invalid run is told but not counted', () => {
  const cells = [
    cell('bare', 64, { rate: 100_000 }),
    cell('clipbook-file', 64, { rate: 40_000 }),
    cell('clipbook-file', 64, { rate: 90_000, valid: false, round: 2 }),
  ];
  const text = asText(reportBlocks({ machine, seconds: 5, rounds: 2, cells }));
  assert.match(text, /clipbook-file \(1 runs invalid\)\s+64\s+40,000\s+0\.40/);
});

test('plots over connections are drawn from five counts on, without what was measured in no valid run', () => {
  const at = (counts: number[]): Cell[] => counts.map((count) => cell('bare', count));
  assert.deepEqual(overConnections(at([16, 64, 128, 256])), []);
  const broken = cell('broken', 512, { valid: false });
  const [assign] = overConnections([...at([16, 64, 128, 256, 512]), broken]);
  assert.equal(assign?.name, 'bench-assign');
  assert.equal(assign?.svg.match(/<circle/g)?.length, 10);
});

test('more cores bring more until the one connection of the projector is busy; a burst is answered past it', () => {
  const costs = costsOf({ ...CPU_US, 'clipbook helpers': 2, 'clipbook main': 0 }, SETTLED_US);
  const two = scaleTo(2, costs);
  assert.equal(Math.round(two.lasting), Math.round(2e6 / 27));
  assert.equal(two.stop, 'all cores are busy');
  const sixteen = scaleTo(16, costs);
  assert.equal(sixteen.lasting, 125_000);
  assert.match(sixteen.stop, /connection/);
  assert.equal(Math.round(sixteen.burst), Math.round(16e6 / 17));
  assert.deepEqual([sixteen.httpThreads, sixteen.shardThreads], [10, 5]);
});

test('the matrix tells rates by threads and what their costs come to on sixteen cores', () => {
  const text = asText(matrixBlocks([cell('1-shard-1-http', 256), cell('4-shard-2-http', 256)]));
  assert.match(text, /4-shard-2-http\s+256\s+50,000/);
  assert.match(text, /clipbook http\s+10\.00\s+100,000\s+HTTP_THREADS/);
  assert.match(text, /^\s*16\s+125,000\s+the projector's connection/m);
  assert.match(text, /was not measured/);
});

test('a size costs more or less than the smallest of its kind, and more than a fifth is not flat', () => {
  const run = (books: number, codes: number, shard: number): SizeRun => ({
    ...measured({ cpuUs: { 'clipbook shard': shard, all: 20 } }),
    size: { books, codes },
    round: 1,
  });
  const flat = [run(1, 1_000, 5), run(1, 1_000_000, 5.9), run(1, 100, 5), run(10_000, 100, 4)];
  assert.match(asText(sizesBlocks(flat)), /1 book of 1,000,000\s+5\.90\s+18 %.*Flat: .* at most 18 %/s);
  const steep = [...flat, run(100, 100, 6.5)];
  assert.match(asText(sizesBlocks(steep)), /100 books of 100\s+6\.50\s+30 %.*Not flat: .* at most 30 %/s);
});

test('an overload run tells answers from refusals, and both from what should not be', () => {
  const run = (connections: number, refused: number): OverloadRun => ({
    ...measured({ refused, valid: refused === 0 }),
    series: 'low bound',
    connections,
    split: {
      answered: { count: 100_000 - refused, p50Ms: 3, p99Ms: 12 },
      refused: { count: refused, p50Ms: 0.5, p99Ms: 2 },
      untold: refused === 0 ? 0 : 7,
      other: 0,
    },
  });
  const runs = [run(4_096, 40_000), run(64, 0)];
  const text = asText(overloadBlocks({ machine, seconds: 2, rounds: 1, runs }));
  assert.match(text, /4096\s+30,000\s+0\.60\s+3\.00\s+12\.0\s+20,000\s+0\.50\s+2\.00\s+200\s+7/);
  assert.ok(text.indexOf(' 64 ') < text.indexOf('4096'), 'in the order of the connections');
  assert.match(overloadPlot(runs).svg, /refused\/s/);
});

test('a rate over time is what was answered between two readings', () => {
  const reading = (atSeconds: number, answered: number, lagEvents: number): Reading => ({
    atSeconds,
    answered,
    lagEvents,
    residentBytes: 2 ** 20,
    journalBytes: 2 ** 20,
  });
  const samples = samplesOf([reading(0, 500, 0), reading(5, 250_500, 900), reading(10, 450_500, 700)]);
  assert.deepEqual(
    samples.map(({ atSeconds, rate }) => [atSeconds, rate]),
    [
      [5, 50_000],
      [10, 40_000],
    ],
  );
  const figures = { machine, connections: 256, seconds: 10, samples };
  const runs = { bare: measured({ rate: 100_000 }), clipbook: measured({ rate: 45_000 }) };
  const text = asText(sustainedBlocks({ ...figures, ...runs }));
  assert.match(text, /clipbook-file\s+45,000\s+0\.45/);
  assert.match(text, /at most 900 in the first half and 700 in the second, gone 0\.5 s/);
  assert.doesNotMatch(sustainedPlot({ ...figures, ...runs }).svg, /NaN/);
});

test('a long run is shown in at most twenty rows, the last sample among them', () => {
  const samples = Array.from({ length: 59 }, (_, i) => {
    return { atSeconds: 5 * (i + 1), rate: 1, lagEvents: 1, residentBytes: 1, journalBytes: 1 };
  });
  const figures = { machine, connections: 256, seconds: 300, bare: measured(), clipbook: measured(), samples };
  const [, table] = sustainedBlocks(figures);
  assert.ok(typeof table === 'object' && table.rows.length <= 20);
  assert.equal(table.rows.at(-1)?.[0], '295');
});

test('metrics are summed over their labels, and one that is not there is an error', () => {
  const metrics = parseMetrics(
    '# TYPE hits counter\nhits{route="/a",status="2xx"} 3\nhits{route="/a",status="4xx"} 4\nlag 17\n',
  );
  assert.equal(metrics.sum('hits', 'route="/a"'), 7);
  assert.equal(metrics.sum('hits', 'route="/a"', 'status="2xx"'), 3);
  assert.equal(metrics.sum('lag'), 17);
  assert.throws(() => metrics.sum('lags'), /no lags/);
});

test('what the scripts of wrk print is read, with the split where there is one', () => {
  const result =
    'RESULT {"requests":200,"durationUs":2000000,"p50Us":1500,"p99Us":3000,"maxUs":9000,"refused":2,"broken":1,"timeouts":1}';
  const split = 'SPLIT {"answered":{"count":198,"p50Us":1400,"p99Us":2000},"refused":{"count":2,"p50Us":1,"p99Us":5}';
  const plain = parseWrk(`Running 2s test\n${result}\n`);
  assert.deepEqual([plain.rate, plain.p50Ms, plain.refused, plain.broken], [100, 1.5, 2, 2]);
  assert.equal(plain.split, undefined);
  assert.equal(parseWrk(`${result}\n${split},"untold":0,"other":0}\n`).split?.answered.p99Ms, 2);
  assert.throws(() => parseWrk('unable to connect'), /unable to connect/);
});

const folder = mkdtempSync(join(tmpdir(), 'clipbook-findings-'));
after(() => rmSync(folder, { recursive: true }));

test('figures, tables and plots are written; tables and plots alone are published', () => {
  const folders = { results: join(folder, 'results'), published: join(folder, 'published') };
  const blocks: Block[] = [{ header: ['a', 'b'], rows: [['x', '1']] }, 'A line.'];
  const plots = [{ name: 'one-curve', title: 'A curve', svg: '<svg/>' }];
  const findings = { name: 'one', isSound: true, figures: { machine }, blocks, plots };
  writeFindings(findings, false, folders);
  assert.deepEqual(readdirSync(folder), ['results']);
  writeFindings(findings, true, folders);
  assert.deepEqual(readdirSync(folders.results).sort(), ['one-curve.svg', 'one.json', 'one.md']);
  assert.deepEqual(readdirSync(folders.published).sort(), ['one-curve.svg', 'one.md']);
  const markdown = readFileSync(join(folders.published, 'one.md'), 'utf8');
  assert.equal(markdown, `![A curve](one-curve.svg)\n\n${markdownTable(['a', 'b'], [['x', '1']])}\n\nA line.\n`);
});
