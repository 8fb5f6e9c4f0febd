import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Panel, plotSvg, shortNumber, ticksOf } from '../../load/bench/plot.js';

const RATE: Panel = {
  x: { label: 'connections', scale: 'log' },
  y: { label: 'operations/s', scale: 'linear' },
  series: [
    {
      name: 'bare',
      points: [
        [16, 100_000],
        [64, 170_000],
        [256, 160_000],
      ],
    },
    {
      name: 'a <b> & "c"',
      points: [
        [16, 20_000],
        [64, Number.NaN],
        [256, 50_000],
      ],
    },
  ],
};

test('a linear axis begins at 0 and ends at or above the most, in round steps', () => {
  assert.deepEqual(ticksOf(0, 170_000, 'linear'), [0, 50_000, 100_000, 150_000, 200_000]);
  assert.deepEqual(ticksOf(0, 1, 'linear'), [0, 0.2, 0.4, 0.6, 0.8, 1]);
  assert.deepEqual(ticksOf(0, 0, 'linear'), [0, 0.2]);
});

test('a log axis begins at or below the least and ends at or above the most', () => {
  assert.deepEqual(ticksOf(0.28, 40, 'log'), [0.2, 0.5, 1, 2, 5, 10, 20, 50]);
  assert.deepEqual(ticksOf(1, 100, 'log'), [1, 2, 5, 10, 20, 50, 100]);
  assert.deepEqual(ticksOf(3, 3, 'log'), [2, 5]);
});

test('a plot names its axes and its series, has a style for dark pages, and nothing that ends the markup early', () => {
  const svg = plotSvg('assign & redeem', [RATE, { ...RATE, y: { label: 'p99, ms', scale: 'log' } }]);
  for (const label of ['connections', 'operations/s', 'p99, ms', '>bare<', 'a &#60;b&#62; &#38; &#34;c&#34;'])
    assert.ok(svg.includes(label), label);
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.doesNotMatch(svg, /<b>|NaN|Infinity|undefined/);
  const opened = svg.match(/<(svg|style|text)\b/g)?.length;
  assert.equal(opened, svg.match(/<\/(svg|style|text)>/g)?.length);
});

test('a series keeps its style in every panel, and what can not be drawn is left out of its line', () => {
  const second = { ...RATE, series: RATE.series.slice(1) };
  const svg = plotSvg('two', [RATE, second]);
  assert.equal(svg.match(/<path class="line s1" d="M\S+ \S+L\S+ \S+"\/>/g)?.length, 2);
  assert.equal(svg.match(/<circle class="s1"/g)?.length, 4);
});

test('a panel without a point is an empty frame', () => {
  for (const scale of ['linear', 'log'] as const) {
    const svg = plotSvg('none', [{ x: { label: 'x', scale }, y: { label: 'y', scale }, series: [] }]);
    assert.doesNotMatch(svg, /NaN|Infinity|undefined/);
  }
});

test('tick labels are short', () => {
  assert.deepEqual([0.05, 0, 512, 5_000, 20_000, 150_000, 1_500_000].map(shortNumber), [
    '0.05',
    '0',
    '512',
    '5,000',
    '20k',
    '150k',
    '1.5M',
  ]);
});
