/**
 * Line plots as SVG, without a library: it would be the largest dependency of the project, for a
 * dozen lines and some numbers.
 *
 * A plot is a page of panels, one below the other, that share their series: one colour and one dash
 * for a name wherever it shows up, one legend on top. The file carries its own style for light and
 * dark, so it looks right wherever it is embedded.
 */
export interface Series {
  readonly name: string;
  /**
   * In the order in which they are joined; what is not finite, or not above 0 on a log axis, is
   * left out.
   */
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Axis {
  /** With its unit. */
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

export interface Panel {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const WIDTH = 760;
const LEFT = 76;
const RIGHT = 24;
const PANEL_HEIGHT = 230;
const PANEL_GAP = 62;
const TITLE_HEIGHT = 44;
const LEGEND_LINE = 20;
const CHARACTER_WIDTH = 7;
const TICKS_WANTED = 5;
/** Labels of an axis that are nearer than this would run into each other. */
const TICK_GAP_X = 40;
const STYLES = [
  { light: '#57606a', dark: '#9da7b1', dash: '2 4' },
  { light: '#0b62c4', dark: '#58a6ff', dash: '' },
  { light: '#c2410c', dark: '#fb8f44', dash: '' },
  { light: '#1a7f37', dark: '#4ac26b', dash: '9 4' },
  { light: '#8250df', dark: '#be8fff', dash: '9 4 2 4' },
  { light: '#a40e6b', dark: '#ff80c8', dash: '5 3' },
] as const;

/** A whole SVG document. Series beyond the sixth name take the first one's style again. */
export function plotSvg(title: string, panels: readonly Panel[]): string {
  const names = [...new Set(panels.flatMap((panel) => panel.series.map(({ name }) => name)))];
  const legend = legendOf(names);
  const top = TITLE_HEIGHT + legend.height;
  const height = top + panels.length * (PANEL_HEIGHT + PANEL_GAP);
  const body = panels.map((panel, i) => panelOf(panel, top + i * (PANEL_HEIGHT + PANEL_GAP), names));
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    `<style>${stylesheet()}</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    `<text class="title" x="${LEFT}" y="26">${escapeXml(title)}</text>`,
    legend.svg,
    ...body,
    '</svg>',
  ].join('\n')}\n`;
}

/**
 * Values at which an axis from `least` to `most` is marked: 1, 2 or 5 times a power of ten, from 0
 * on where it is linear.
 */
export function ticksOf(least: number, most: number, scale: Axis['scale']): number[] {
  return scale === 'log' ? logTicks(least, most) : linearTicks(most);
}

function linearTicks(most: number): number[] {
  const rough = (most > 0 ? most : 1) / TICKS_WANTED;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 5].find((factor) => factor * power >= rough * 0.999) ?? 10) * power;
  const count = Math.max(1, Math.ceil((most / step) * 0.999));
  // Rounded, because 3 * 0.1 is not 0.3.
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)));
}

function logTicks(least: number, most: number): number[] {
  const ticks: number[] = [];
  const from = Math.floor(Math.log10(least) + 1e-9);
  for (let exponent = from; ticks.length === 0 || (ticks.at(-1) ?? 0) < most * 0.999; exponent++) {
    for (const factor of [1, 2, 5]) {
      const value = Number((factor * 10 ** exponent).toPrecision(12));
      const next = Number(((factor === 5 ? 10 : factor === 2 ? 5 : 2) * 10 ** exponent).toPrecision(12));
      // The last one at or below the least is where the axis begins.
      if (next > least && (ticks.at(-1) ?? 0) < most * 0.999) ticks.push(value);
    }
  }
  return ticks;
}

function panelOf({ x, y, series }: Panel, top: number, names: readonly string[]): string {
  const drawn = series.map(({ name, points }) => ({
    name,
    points: points.filter(([px, py]) => isDrawable(px, x) && isDrawable(py, y)),
  }));
  const all = drawn.flatMap(({ points }) => points);
  const xs = [...new Set(all.map(([px]) => px))].sort((a, b) => a - b);
  const ys = all.map(([, py]) => py);
  // Counts that were chosen are their own marks; on a linear axis there is one for each sample, and
  // round ones say more.
  const xTicks = x.scale === 'log' && xs.length > 0 ? xs : ticksOf(1, xs.at(-1) ?? 1, x.scale);
  const yTicks = ticksOf(Math.min(1e9, ...ys), Math.max(...ys, y.scale === 'log' ? 1e-9 : 0), y.scale);
  const atX = scaleOf(x, xTicks, LEFT, WIDTH - RIGHT);
  const atY = scaleOf(y, yTicks, top + PANEL_HEIGHT, top);
  return [
    ...yTicks.map((value) => gridLine(value, atY(value))),
    ...spaced(xTicks, atX).map((value) =>
      text('tick', atX(value), top + PANEL_HEIGHT + 16, shortNumber(value), 'middle'),
    ),
    `<path class="axis" d="M${LEFT} ${top}V${top + PANEL_HEIGHT}H${WIDTH - RIGHT}"/>`,
    text('label', LEFT, top - 8, y.label, 'start'),
    text('label', (LEFT + WIDTH - RIGHT) / 2, top + PANEL_HEIGHT + 34, x.label, 'middle'),
    ...drawn.map(({ name, points }) => lineOf(points, atX, atY, names.indexOf(name))),
  ].join('\n');
}

type Place = (value: number) => number;

function scaleOf({ scale }: Axis, ticks: readonly number[], from: number, to: number): Place {
  const of = scale === 'log' ? Math.log : (value: number) => value;
  const least = of(ticks[0] ?? 1);
  const width = of(ticks.at(-1) ?? 1) - least || 1;
  return (value) => Math.round((from + ((of(value) - least) / width) * (to - from)) * 10) / 10;
}

const isDrawable = (value: number, { scale }: Axis): boolean =>
  Number.isFinite(value) && (scale === 'linear' || value > 0);

function gridLine(value: number, y: number): string {
  return `<path class="grid" d="M${LEFT} ${y}H${WIDTH - RIGHT}"/>${text('tick', LEFT - 8, y + 4, shortNumber(value), 'end')}`;
}

function lineOf(points: Series['points'], atX: Place, atY: Place, style: number): string {
  if (points.length === 0) return '';
  const d = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${atX(x)} ${atY(y)}`).join('');
  const own = `s${style % STYLES.length}`;
  // Marks where there are few: sixty samples are a line.
  const marks =
    points.length > 16 ? [] : points.map(([x, y]) => `<circle class="${own}" cx="${atX(x)}" cy="${atY(y)}" r="3"/>`);
  return [`<path class="line ${own}" d="${d}"/>`, ...marks].join('');
}

function legendOf(names: readonly string[]): { readonly svg: string; readonly height: number } {
  let x = LEFT;
  let line = 0;
  const items = names.map((name, i) => {
    const width = 34 + name.length * CHARACTER_WIDTH + 20;
    if (x > LEFT && x + width > WIDTH) {
      x = LEFT;
      line++;
    }
    const y = TITLE_HEIGHT + line * LEGEND_LINE;
    const item = `<path class="line s${i % STYLES.length}" d="M${x} ${y - 4}h26"/>${text('label', x + 34, y, name, 'start')}`;
    x += width;
    return item;
  });
  return { svg: items.join('\n'), height: (line + 1) * LEGEND_LINE + 24 };
}

function spaced(ticks: readonly number[], at: Place): number[] {
  const kept: number[] = [];
  for (const tick of ticks) if (kept.length === 0 || at(tick) - at(kept.at(-1) ?? 0) >= TICK_GAP_X) kept.push(tick);
  return kept;
}

function stylesheet(): string {
  const colours = (mode: 'light' | 'dark'): string =>
    STYLES.map((style, i) => `.line.s${i}{stroke:${style[mode]}}circle.s${i}{fill:${style[mode]}}`).join('');
  const dashes = STYLES.map(({ dash }, i) => (dash === '' ? '' : `.line.s${i}{stroke-dasharray:${dash}}`)).join('');
  return [
    'text{font:12px system-ui,sans-serif;fill:#1f2328}.title{font-size:15px;font-weight:600}.tick{fill:#57606a}',
    '.page{fill:#fff}.axis{stroke:#57606a;fill:none}.grid{stroke:#e4e8ec}.line{fill:none;stroke-width:2}',
    colours('light'),
    dashes,
    '@media (prefers-color-scheme:dark){text{fill:#e6edf3}.tick{fill:#9da7b1}.page{fill:#0d1117}.axis{stroke:#9da7b1}',
    `.grid{stroke:#262c34}${colours('dark')}}`,
  ].join('');
}

function text(style: string, x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text class="${style}" x="${x}" y="${y}" text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

/** `1,500`, `20k`, `1.5M`. */
export function shortNumber(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  if (value >= 1e4) return `${Number((value / 1e3).toPrecision(4))}k`;
  return value.toLocaleString('en-US', { maximumSignificantDigits: 4 });
}

function escapeXml(content: string): string {
  return content.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
