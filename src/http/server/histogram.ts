/**
 * Histograms in an array of doubles that the metrics read from another thread: a count for each
 * bucket, one for what is above all bounds, and the sum.
 */

/** How many doubles a histogram takes. */
export const histogramLength = (bounds: readonly number[]): number => bounds.length + 2;

/** `bounds` and `seconds` in seconds, `at` where the histogram begins. */
export function addToHistogram(values: Float64Array, at: number, bounds: readonly number[], seconds: number): void {
  let bucket = 0;
  while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
  values[at + bucket] = (values[at + bucket] as number) + 1;
  const sum = at + bounds.length + 1;
  values[sum] = (values[sum] as number) + seconds;
}

/**
 * Its lines in Prometheus' text format, none if nothing was counted. `read` gives the double at an
 * index, over all threads. `labels`: as `route="/x"`, or ''.
 */
export function histogramLines(
  name: string,
  labels: string,
  bounds: readonly number[],
  at: number,
  read: (index: number) => number,
): string[] {
  let below = 0;
  const buckets = [...bounds, '+Inf'].map((bound, n) => {
    below += read(at + n);
    return `${name}_bucket{${labels === '' ? '' : `${labels},`}le="${bound}"} ${below}`;
  });
  if (below === 0) return [];
  const labelled = labels === '' ? '' : `{${labels}}`;
  return [...buckets, `${name}_sum${labelled} ${read(at + bounds.length + 1)}`, `${name}_count${labelled} ${below}`];
}
