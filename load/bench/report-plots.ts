/**
 * Rate and p99 over connections, one plot for each operation, where there are counts enough to see
 * a curve.
 */
import { type Axis, plotSvg, type Series } from './plot.js';
import { distinct, type Row, summarize } from './report.js';
import type { Plot } from './results.js';
import type { Cell } from './turns.js';
import { OPERATIONS } from './workload.js';

const COUNTS_MIN = 5;
export const CONNECTIONS: Axis = { label: 'connections', scale: 'log' };

/** None when there are fewer than five counts of connections. */
export function overConnections(cells: readonly Cell[]): Plot[] {
  const rows = summarize(cells);
  if (distinct(rows.map(({ connections }) => connections)).length < COUNTS_MIN) return [];
  return OPERATIONS.map((operation) => {
    const title = `${operation}: rate and p99 over connections`;
    const of = rows.filter((row) => row.operation === operation);
    const svg = plotSvg(title, [
      { x: CONNECTIONS, y: { label: 'operations/s', scale: 'linear' }, series: curves(of, (row) => row.rate.median) },
      { x: CONNECTIONS, y: { label: 'p99, ms', scale: 'log' }, series: curves(of, (row) => row.p99Ms) },
    ]);
    return { name: `bench-${operation}`, title, svg };
  });
}

/** What was measured in no valid run is no point of a curve. */
function curves(rows: readonly Row[], valueIn: (row: Row) => number): Series[] {
  return distinct(rows.map(({ subject }) => subject)).map((name) => ({
    name,
    points: rows
      .filter(({ subject, hasValidRun }) => subject === name && hasValidRun)
      .sort((a, b) => a.connections - b.connections)
      .map((row) => [row.connections, valueIn(row)] as const),
  }));
}
