/** /metrics, read as far as the bench needs it. */

export interface Metrics {
  /**
   * The sum of all samples of this name whose labels contain `labels`. Throws when there is none: a
   * name that has changed must not look like a zero.
   */
  sum(name: string, ...labels: readonly string[]): number;
}

export function parseMetrics(text: string): Metrics {
  const samples = text.split('\n').flatMap((line) => {
    const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
    return match === null ? [] : [{ name: match[1], labels: match[2] ?? '', value: Number(match[3]) }];
  });
  return {
    sum(name, ...labels) {
      const found = samples.filter((it) => it.name === name && labels.every((label) => it.labels.includes(label)));
      if (found.length === 0) throw new Error(`/metrics has no ${name} ${labels.join(' ')}`.trimEnd());
      return found.reduce((sum, { value }) => sum + value, 0);
    },
  };
}

export async function readMetrics(url: string): Promise<Metrics> {
  const response = await fetch(`${url}/metrics`);
  if (!response.ok) throw new Error(`/metrics got ${response.status}`);
  return parseMetrics(await response.text());
}
