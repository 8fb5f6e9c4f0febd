import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { ADMIN } from './memory-parts.js';
import { serve } from './serve.js';

const served = await serve();
after(() => served.stop());

test('a WebSocket that does not answer pings is ended after two of them', async () => {
  // Raw, because a client library answers by itself.
  const socket = await served.open();
  socket.write(
    [
      'GET /api/v1/events HTTP/1.1',
      'Host: clipbook',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      `Authorization: Bearer ${await served.tokenOf(ADMIN)}`,
      '\r\n',
    ].join('\r\n'),
  );
  let pings = 0;
  socket.on('data', (bytes: Buffer) => {
    for (const byte of bytes) if (byte === 0x89) pings++;
  });
  await new Promise((resolve) => socket.once('close', resolve));
  assert.equal(pings, 2);
});
