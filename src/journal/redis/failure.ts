/** Why a Redis can't be used, in one line for the operator: host and port, never the password. */
import { placeOf } from './connection.js';
import { RedisUnfit } from './facts.js';

export function redisFailure(url: string, error: unknown): string {
  const server = `Redis at ${placeOf(url)}`;
  if (error instanceof RedisUnfit) return `${server}: ${error.message}`;
  const { code, message } = error as NodeJS.ErrnoException;
  const usesTls = new URL(url).protocol === 'rediss:';
  switch (code) {
    case 'ECONNREFUSED':
      return `${server} can not be reached: nothing listens there (${code})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `${server} can not be reached: no such host (${code})`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return `${server} can not be reached: no way to that host (${code})`;
    case undefined:
      break;
    default:
      if (usesTls) return `${server}: TLS failed: ${message} (${code})`;
  }
  const [kind = ''] = message.split(' ');
  switch (kind) {
    case 'NOAUTH':
      return `${server} asks for a password, and the URL has none (NOAUTH)`;
    case 'WRONGPASS':
      return `${server} refuses the user or the password of the URL (WRONGPASS)`;
    case 'NOPERM':
      return `${server} does not allow this user what the journal needs: ${message}`;
    case 'LOADING':
      return `${server} is still loading its data`;
  }
  if (message.startsWith('no answer'))
    return `${server} takes the connection and does not answer: is it a Redis${usesTls ? ' that speaks TLS' : ''}?`;
  if (code === 'ECONNRESET' || CLOSED.test(message))
    return `${server} closes the connection: is it a Redis${usesTls ? ' that speaks TLS' : ', and one without TLS (else the URL begins with rediss://)'}?`;
  return `${server}: ${message}`;
}

/**
 * What the client says when the other side hung up, or when it did so itself because the answer was
 * none of Redis's.
 */
const CLOSED = /Connection is closed|Stream isn't writeable|connection to Redis was lost|Protocol error/;
