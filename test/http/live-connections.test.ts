import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { openSocket } from '../support/live.js';
import { ADMIN } from './memory-parts.js';
import { serve } from './serve.js';

const served = await serve({ connectionsMax: 8 });
after(() => served.stop());

test('WebSockets that have ended do not count towards the limit of connections', async () => {
  const token = await served.tokenOf(ADMIN);
  for (let n = 0; n < 40; n++) {
    const socket = await openSocket(`http://127.0.0.1:${served.server.port}`, { token });
    socket.socket.close();
    await socket.closed();
  }
  assert.equal((await served.call('GET', '/livez')).status, 200);
});
