/**
 * How far a long operation is, with its rate and the time that is left. On a terminal it is a bar
 * that is drawn again several times a second. Elsewhere it is plain lines: the first after a
 * second, then every 5 seconds, and less often the longer it takes. The bar stands at 99 % until
 * `finish`, which is called when the result can be used.
 *
 * The rate is that of the last seconds, so that the time left follows a link or a disk that becomes
 * slower.
 */
import type { WriteStream } from 'node:tty';

export interface Step {
  /** What is being done: `sending`, `loading`. A new name starts a new rate. */
  readonly name: string;
  readonly done: number;
  /** Null: not known. */
  readonly total: number | null;
  readonly unit: 'bytes' | 'codes';
  /**
   * The share of the whole operation that lies before this step, and the share that the step itself
   * is.
   */
  readonly before: number;
  readonly share: number;
}

export interface Progress {
  update(step: Step): void;
  /** Makes room for another line. */
  clear(): void;
  /** It is done: 100 %. */
  finish(summary: string): void;
  /** It ends without success. Does nothing after `finish`. */
  stop(): void;
}

const SAMPLE_EVERY_MS = 200;
/** The rate is taken over this many samples. */
const SAMPLES_MAX = 75;
const FIRST_LINE_MS = 1000;
const LINE_EVERY_MS_MIN = 5000;
const LINE_EVERY_MS_MAX = 60_000;
const BAR_WIDTH_MAX = 30;
const COLUMNS_DEFAULT = 80;
/** Carriage return, and erase to the end of the line. */
const ERASE = '\r\x1b[K';

export function startBar(what: string, out: WriteStream): Progress {
  let isDrawn = false;
  const draw = (percent: number | null, text: string): void => {
    out.write(`${ERASE}${barLine(what, percent, text, out.columns || COLUMNS_DEFAULT)}`);
    isDrawn = true;
  };
  const tracker = startTracker((percent, text) => draw(percent, text));
  const clear = (): void => {
    if (isDrawn) out.write(ERASE);
    isDrawn = false;
  };
  return {
    update: tracker.update,
    clear,
    finish(summary) {
      if (!tracker.stop()) return;
      draw(100, summary);
      out.write('\n');
    },
    stop() {
      if (tracker.stop() && isDrawn) out.write('\n');
    },
  };
}

export function startLines(what: string, out: { write(text: string): unknown }): Progress {
  const beganMs = performance.now();
  let nextMs = beganMs + FIRST_LINE_MS;
  let isTold = false;
  const tell = (text: string): void => void out.write(`${what}: ${text}\n`);
  const tracker = startTracker((percent, text) => {
    const nowMs = performance.now();
    if (nowMs < nextMs) return;
    nextMs = nowMs + Math.min(LINE_EVERY_MS_MAX, Math.max(LINE_EVERY_MS_MIN, (nowMs - beganMs) / 10));
    isTold = true;
    tell(percent === null ? text : `${percent} %, ${text}`);
  });
  return {
    update: tracker.update,
    clear: () => undefined,
    finish(summary) {
      if (tracker.stop() && isTold) tell(`100 %, ${summary}`);
    },
    stop: () => void tracker.stop(),
  };
}

/**
 * Calls `show` several times a second once something is known. `stop` tells whether it was running.
 */
function startTracker(show: (percent: number | null, text: string) => void) {
  let step: Step | null = null;
  let samples: { readonly ms: number; readonly done: number }[] = [];
  const timer = setInterval(() => {
    if (step === null) return;
    samples.push({ ms: performance.now(), done: step.done });
    if (samples.length > SAMPLES_MAX) samples.shift();
    show(percentOf(step), stepText(step, rateOf(samples)));
  }, SAMPLE_EVERY_MS).unref();
  let isRunning = true;
  return {
    update(next: Step): void {
      // Another step, or the same one from its start again.
      if (step === null || next.name !== step.name || next.done < step.done)
        samples = [{ ms: performance.now(), done: next.done }];
      step = next;
    },
    stop(): boolean {
      const wasRunning = isRunning;
      isRunning = false;
      clearInterval(timer);
      return wasRunning;
    },
  };
}

function percentOf({ done, total, before, share }: Step): number | null {
  if (total === null) return before === 0 ? null : Math.floor(100 * before);
  const part = total === 0 ? 1 : Math.min(1, done / total);
  return Math.min(99, Math.floor(100 * (before + share * part)));
}

function rateOf(samples: readonly { readonly ms: number; readonly done: number }[]): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || last.ms === first.ms) return 0;
  return ((last.done - first.done) * 1000) / (last.ms - first.ms);
}

function stepText({ name, done, total, unit }: Step, perSecond: number): string {
  const amount =
    total === null ? amountText(done, unit) : `${numberText(done, unit, total)} of ${amountText(total, unit)}`;
  const parts = [done === 0 && total === null ? name : `${name} ${amount}`];
  if (perSecond > 0) {
    parts.push(`${amountText(perSecond, unit)}/s`);
    if (total !== null) parts.push(`${durationText((total - done) / perSecond)} left`);
  }
  return parts.join(', ');
}

function barLine(what: string, percent: number | null, text: string, columns: number): string {
  const head = `${what} `;
  const tail = percent === null ? ` ${text}` : ` ${percent} % ${text}`;
  // The last column stays free: some terminals begin a new line after it.
  const width = Math.min(BAR_WIDTH_MAX, columns - 1 - head.length - tail.length - 2);
  if (width < 5 || percent === null) return `${head}${tail.trimStart()}`.slice(0, columns - 1);
  const filled = Math.floor((width * percent) / 100);
  return `${head}[${'#'.repeat(filled)}${'.'.repeat(width - filled)}]${tail}`;
}

/** `12.3 MB`, `5,000,000 codes`, `1 code`. */
function amountText(amount: number, unit: Step['unit']): string {
  if (unit === 'bytes') return `${numberText(amount, unit)} ${byteUnit(amount).name}`;
  return `${numberText(amount, unit)} ${Math.round(amount) === 1 ? 'code' : 'codes'}`;
}

/** Without the unit. Bytes are counted in the unit that fits `scale`. */
function numberText(amount: number, unit: Step['unit'], scale = amount): string {
  if (unit === 'codes') return Math.round(amount).toLocaleString('en-US');
  const { bytes } = byteUnit(scale);
  return bytes === 1 ? String(Math.round(amount)) : (amount / bytes).toFixed(1);
}

function byteUnit(scale: number): { readonly name: string; readonly bytes: number } {
  if (scale >= 1e9) return { name: 'GB', bytes: 1e9 };
  if (scale >= 1e6) return { name: 'MB', bytes: 1e6 };
  if (scale >= 1e3) return { name: 'kB', bytes: 1e3 };
  return { name: 'bytes', bytes: 1 };
}

/** What `finish` shows. The start is by the monotonic clock. */
export const doneText = (codes: number, beganMs: number): string =>
  `${amountText(codes, 'codes')} in ${durationText((performance.now() - beganMs) / 1000)}`;

/** `3 s`, `2 min 05 s`, `1 h 12 min`. */
function durationText(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60)];
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, '0')} min`;
  return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
}
