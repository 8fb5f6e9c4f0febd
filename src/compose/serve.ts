/**
 * One run of the server, from the configuration to the exit code.
 *
 *     starting ──▶ serving ──signal──▶ draining ──▶ exit 0
 *         └─ ready, signal ─▶ the start ends ─▶┘
 *         │                                │
 *         └────────── signal ──────────────┴──▶ ended at once: exit 130 (SIGINT) or 143 (SIGTERM)
 *
 * A start or a drain that is ended at once leaves the same state as a crash, which every start can
 * handle. Only what would outlive the process, or keep it from exiting, is ended before
 * (`QuickEnds`).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { SEEDED_LOGINS } from '../control/seeded-logins.js';
import { EXIT_CODES, type ExitCause, exitCauseOf } from '../platform/exit-codes.js';
import { dieOfSignal, onSignal } from '../platform/signals.js';
import { bindingRefusalHere } from '../platform/uws-binding.js';
import { type Config, ConfigError, parseConfig } from './config.js';
import { createLogger, type Logger } from './log.js';
import { type Clipbook, type QuickEnds, startClipbook } from './server.js';

/** How long the quick ends may take: a signal during a start ends it within a second. */
const END_MS_MAX = 800;

const quickEnds: QuickEnds = [];
let isEnding = false;

await serve();

async function serve(): Promise<void> {
  const config = readConfig();
  if (config === null) return;
  const log = createLogger({ level: config.logLevel, thread: 'main' });
  if (config.workaroundsOff.length > 0)
    log.warn({ off: config.workaroundsOff }, 'performance work-arounds are switched off by WORKAROUNDS_OFF');
  const onFatal = (message: string, cause: ExitCause): void => {
    log.fatal({}, message);
    void endNow(EXIT_CODES[cause], log);
  };
  const endOnSignal = (): void => onSignal((exitCode) => void endNow(exitCode, log));
  endOnSignal();
  let isStopWanted = false;
  // From here on requests are served, and those that were accepted are finished. Parts that are
  // still starting can't be stopped, so the drain waits for them.
  const onServe = (): void =>
    onSignal(() => {
      endOnSignal();
      isStopWanted = true;
      log.info({}, 'stopping when the start has ended');
    });
  try {
    const options = { acceptsClock: isGiven('--accept-clock'), onServe };
    const clipbook = await startClipbook(config, log, onFatal, options, quickEnds);
    if (isEnding) return;
    if (isStopWanted) return await drain(clipbook, log);
    onSignal(() => {
      endOnSignal();
      void drain(clipbook, log);
    });
    announce(config, clipbook);
  } catch (error) {
    // Interrupted work fails as expected, and need not be reported.
    if (isEnding) return;
    refuse(`clipbook can not start: ${firstLine(error)}`);
    process.exit(EXIT_CODES[exitCauseOf(error)]);
  }
}

function isGiven(option: string): boolean {
  return process.argv.slice(2).includes(option);
}

/** Null when it can't be used: then the line that says so is printed. */
function readConfig(): Config | null {
  const refusal = bindingRefusalHere();
  if (refusal !== null) {
    refuse(refusal);
    return null;
  }
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error.message);
    return null;
  }
}

function refuse(line: string): void {
  process.stderr.write(`${line}\n`);
  process.exitCode = EXIT_CODES.failed;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
function announce(config: Config, { port, codeCount, durability }: Clipbook): void {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const base = `http://${host}:${port}`;
  const lines = [
    `data       ${config.dataDir} (${codeCount} codes)`,
    ...durability.map(({ store, line }) => `${store.padEnd(10)} ${line}`),
    `API page   ${base}/api-docs`,
  ];
  if (config.environment !== 'production') {
    for (const { email, password, role } of SEEDED_LOGINS) lines.push(`login      ${email} / ${password} (${role})`);
  }
  lines.push(`clipbook listening on ${base}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function drain(clipbook: Clipbook, log: Logger): Promise<void> {
  log.info({}, 'stopping');
  try {
    await clipbook.stop();
    if (!isEnding) process.exit(0);
  } catch (error) {
    if (isEnding) return;
    log.fatal({ err: error }, 'the stop went wrong');
    await endNow(EXIT_CODES.failed, log);
  }
}

async function endNow(exitCode: number, log: Logger): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  // What fails from here on fails because it is ended.
  log.level = 'silent';
  const ended = Promise.all(quickEnds.map((end) => end())).then(() => true);
  const isOrderly = await Promise.race([ended, sleep(END_MS_MAX).then(() => false)]);
  // An HTTP thread that did not answer may make the exit an abort. A signal's own effect is as
  // good, and never one.
  if (!isOrderly) dieOfSignal(exitCode);
  process.exit(exitCode);
}
