/** How far a long command is: a bar with rate and time left on a terminal, a line now and then elsewhere. Both on stderr. */
import { Presets, SingleBar } from 'cli-progress';

export interface Progress {
  update(done: number): void;
  stop(): void;
}

const LINE_EVERY_MS = 5000;

export function startProgress(what: string, total: number, unit: string): Progress {
  return process.stderr.isTTY ? startBar(what, total, unit) : startLines(what, total, unit);
}

function startBar(what: string, total: number, unit: string): Progress {
  const began = performance.now();
  const format = `${what} {bar} {percentage}% | {value}/{total} ${unit} | {rate} ${unit}/s | {eta_formatted} left`;
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true }, Presets.shades_classic);
  bar.start(total, 0, { rate: 0 });
  return {
    update: (done) => bar.update(done, { rate: Math.round((done * 1000) / (performance.now() - began)) }),
    stop: () => bar.stop(),
  };
}

function startLines(what: string, total: number, unit: string): Progress {
  let toldMs = Number.NEGATIVE_INFINITY;
  return {
    update(done) {
      if (performance.now() - toldMs < LINE_EVERY_MS) return;
      toldMs = performance.now();
      process.stderr.write(`${what}: ${done} of ${total} ${unit}\n`);
    },
    stop: () => undefined,
  };
}
