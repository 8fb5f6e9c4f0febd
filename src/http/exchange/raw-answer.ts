/**
 * A whole answer as bytes, for connections that end with it.
 *
 * uWebSockets.js can close a connection after an answer (`end(body, true)`), with two gaps. The
 * answers to HEAD and with status 204 would get a wrong `Content-Length`. And it reads on: as soon
 * as the answer is complete, the next request of the connection is executed, even if it is what
 * follows a head that was refused. So these answers are handed over as the status line. The library
 * then takes the answer for one that has not begun: it executes nothing more on this connection,
 * and `close` is still possible.
 */

/**
 * An answer that is this large does not fit into the library's buffer (16 KiB), so it is in the
 * socket when the call that wrote it returns, and the connection can be closed at once.
 */
const SENT_AT_ONCE_BYTES = 16 * 1024;

export type RawShape = 'whole' | 'headOnly' | 'noContent' | 'sentAtOnce';

/**
 * `head` is the status and the headers without the last line break; `body` is JSON where the shape
 * is `sentAtOnce`.
 */
export function rawAnswer(head: string | Uint8Array, body: string | Uint8Array, shape: RawShape): Uint8Array {
  const payload = bytesOf(body);
  const common = `\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n`;
  switch (shape) {
    case 'noContent':
      return Buffer.concat([bytesOf(head), bytesOf(common)]);
    case 'headOnly':
      return Buffer.concat([bytesOf(head), bytesOf(`${common}Content-Length: ${payload.length}\r\n`)]);
    case 'whole':
      return withBody(head, common, payload);
    case 'sentAtOnce':
      return withBody(head, common, Buffer.concat([payload, Buffer.alloc(SENT_AT_ONCE_BYTES, ' ')]));
  }
}

/**
 * The library ends a status line with a line break. It counts as the end of the body, where JSON
 * may have white space.
 */
function withBody(head: string | Uint8Array, common: string, body: Uint8Array): Uint8Array {
  return Buffer.concat([bytesOf(head), bytesOf(`${common}Content-Length: ${body.length + 2}\r\n\r\n`), body]);
}

const bytesOf = (text: string | Uint8Array): Uint8Array => (typeof text === 'string' ? Buffer.from(text) : text);
