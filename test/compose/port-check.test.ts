import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { takePort } from '../../src/compose/port-check.js';

test('a port that someone listens on is refused, and a free one is not', async () => {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await assert.rejects(takePort('127.0.0.1', port), /someone listens there already/);
  other.close();
  await once(other, 'close');
  assert.equal(await takePort('127.0.0.1', port), port);
});

test('a port that is chosen is none that an outgoing connection may get meanwhile', async () => {
  for (let n = 0; n < 20; n++) {
    const port = await takePort('127.0.0.1', 0);
    assert.ok(port >= 20_000 && port < 32_768, `${port}`);
  }
  await assert.rejects(takePort('192.0.2.1', 0), /can not listen on 192\.0\.2\.1:0: .*EADDRNOTAVAIL/);
});
