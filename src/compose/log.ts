import { type Logger, pino } from 'pino';
import type { LogLevel } from './variables.js';

export type { Logger };

/**
 * A logger that writes one JSON object a line to standard output. `thread` names who speaks:
 * `main`, `shard-0`, ….
 *
 * It writes synchronously: nothing on the hot path logs at `info`, and the last line before a crash
 * is the one that is needed. What lets someone in or is worth money (passwords, tokens, coupon
 * codes) is masked where the fields of `SECRET_FIELDS` hold it, down to three levels; never put
 * such a value into the message itself.
 */
export function createLogger(options: { readonly level: LogLevel; readonly thread: string }): Logger {
  return pino(
    {
      level: options.level,
      base: { thread: options.thread },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorFields },
      redact: {
        // PostgreSQL names the offending values in `detail`, coupon codes among them.
        paths: ['err.detail', ...SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`])],
        censor: '[masked]',
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

/**
 * An error's `code` (ECONNREFUSED, 57P01) is what the operator looks for, so it goes by a name that
 * isn't masked.
 */
function errorFields(error: Error): Record<string, unknown> {
  const { code, ...fields } = pino.stdSerializers.err(error);
  return code === undefined ? fields : { ...fields, errorCode: code };
}
