import { type Logger, pino } from 'pino';
import type { LogLevel } from './config.js';

export type { Logger };

/**
 * A logger that writes one JSON object a line to standard output. `thread` names who speaks: `main`, `shard-0`, ….
 *
 * It writes synchronously: nothing on the hot path logs at `info`, and the last line before a crash is the one that is
 * needed. What lets someone in or is worth money (passwords, tokens, coupon codes) is masked where the fields
 * of `SECRET_FIELDS` hold it, down to three levels; never put such a value into the message itself.
 */
export function createLogger(options: { readonly level: LogLevel; readonly thread: string }): Logger {
  return pino(
    {
      level: options.level,
      base: { thread: options.thread },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
        // An error's `code` (ECONNREFUSED, 57P01) is what the operator looks for.
        censor: (value: unknown, path: string[]) => (path[0] === 'err' ? value : '[masked]'),
      },
    },
    pino.destination({ dest: 1, sync: true }),
  );
}

const SECRET_FIELDS = [
  'authorization',
  'Authorization',
  'password',
  'passwordHash',
  'token',
  'accessToken',
  'apiKey',
  'jwtSecret',
  'code',
  'codes',
];
