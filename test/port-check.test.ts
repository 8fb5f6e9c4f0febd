import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { test } from 'node:test';
import { assertPortFree } from '../src/port-check.js';

test('a port that someone listens on is refused, and a free one is not', async () => {
  const other = createServer();
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as AddressInfo;
  await assert.rejects(assertPortFree('127.0.0.1', port), /someone listens there already/);
  other.close();
  await once(other, 'close');
  await assertPortFree('127.0.0.1', port);
});
