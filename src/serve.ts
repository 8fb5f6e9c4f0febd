/** `npm start`: reads the configuration, starts Clipbook, says that it serves, and ends it when it is told to. */
import { SEEDED_LOGINS } from './actor/accounts.js';
import { type Config, ConfigError, parseConfig } from './config.js';
import { createLogger, type Logger } from './log.js';
import { type Clipbook, startClipbook } from './server.js';

await main();

async function main(): Promise<void> {
  const config = readConfig();
  if (config === null) {
    process.exitCode = 1;
    return;
  }
  const log = createLogger({ level: config.logLevel, thread: 'main' });
  const ended = awaitSignal();
  try {
    const clipbook = await startClipbook(config, log, (message) => {
      log.fatal({}, message);
      process.exit(1);
    });
    announce(config, clipbook);
    await ended;
    await end(clipbook, log);
  } catch (error) {
    process.stderr.write(`clipbook can not start: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}

function readConfig(): Config | null {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return null;
  }
}

/** A signal that comes while it still starts is heard when it has started. */
function awaitSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.on('SIGTERM', () => resolve());
    process.on('SIGINT', () => resolve());
  });
}

function announce(config: Config, { port, codeCount, durability }: Clipbook): void {
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  const base = `http://${host}:${port}`;
  const lines = [
    `data       ${config.dataDir} (${codeCount} codes)`,
    `journal    ${durability}`,
    `API page   ${base}/api-docs`,
  ];
  if (config.environment !== 'production') {
    for (const { email, password, role } of SEEDED_LOGINS) lines.push(`login      ${email} / ${password} (${role})`);
  }
  lines.push(`clipbook listening on ${base}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function end(clipbook: Clipbook, log: Logger): Promise<void> {
  log.info({}, 'stopping');
  try {
    await clipbook.stop();
    process.exit(0);
  } catch (error) {
    log.fatal({ err: error }, 'the stop went wrong');
    process.exit(1);
  }
}
