/** Who verifies a password when, as a queue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTurns, type TurnsOptions } from '../../src/http/server/turns.js';

const ROOMY: TurnsOptions = { atOnceMax: 100, atOncePerNameMax: 100, waitingMax: 100, waitingPerAddressMax: 100 };

/**
 * Asks in the order of `take`, and keeps who runs, who was refused, and in which order they began.
 */
function open(options: Partial<TurnsOptions>) {
  const turns = createTurns({ ...ROOMY, ...options });
  const running = new Map<string, () => void>();
  const refused: string[] = [];
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return {
    running: () => [...running.keys()],
    refused,
    async take(name: string, address: string, email = `${name}@example.com`) {
      void turns.take(address, email).then((end) => (end === null ? refused.push(name) : running.set(name, end)));
      await settled();
    },
    async end(name: string) {
      const end = running.get(name);
      assert.ok(end !== undefined, `${name} does not run`);
      running.delete(name);
      end();
      await settled();
    },
  };
}

test('so many run at once, in all, of one address and of one email; the others wait', async () => {
  const all = open({ atOnceMax: 2 });
  for (const name of ['a', 'b', 'c']) await all.take(name, name);
  assert.deepEqual(all.running(), ['a', 'b']);
  await all.end('a');
  assert.deepEqual(all.running(), ['b', 'c']);

  const perName = open({ atOncePerNameMax: 1 });
  await perName.take('a', 'address 1', 'one@example.com');
  await perName.take('b', 'address 1', 'two@example.com');
  await perName.take('c', 'address 2', 'one@example.com');
  await perName.take('d', 'address 2', 'three@example.com');
  assert.deepEqual(perName.running(), ['a', 'd']);
  await perName.end('d');
  assert.deepEqual(perName.running(), ['a'], 'the email is still being tried');
  await perName.end('a');
  assert.deepEqual(perName.running(), ['b', 'c'], 'one that ends may make room for two');
});

test('each address has its turn, however many wait of another', async () => {
  const turns = open({ atOnceMax: 1 });
  await turns.take('first', 'flood');
  for (let i = 0; i < 5; i++) await turns.take(`flood ${i}`, 'flood');
  await turns.take('victim', 'home');
  await turns.end('first');
  await turns.end('flood 0');
  assert.deepEqual(turns.running(), ['victim']);
});

test('an address that floods one email delays only itself', async () => {
  const turns = open({ atOncePerNameMax: 1, waitingPerAddressMax: 3 });
  for (let i = 0; i < 6; i++) await turns.take(`flood ${i}`, 'flood', 'victim@example.com');
  assert.deepEqual(turns.refused, ['flood 4', 'flood 5']);
  await turns.take('victim', 'home', 'victim@example.com');
  await turns.end('flood 0');
  assert.deepEqual(turns.running(), ['flood 1']);
  await turns.end('flood 1');
  assert.deepEqual(turns.running(), ['victim']);
});

test('when all places are taken, the longest lane loses its newest waiter to a shorter lane', async () => {
  const turns = open({ atOnceMax: 1, waitingMax: 3 });
  await turns.take('first', 'flood');
  for (let i = 0; i < 3; i++) await turns.take(`flood ${i}`, 'flood');
  await turns.take('home 0', 'home');
  assert.deepEqual(turns.refused, ['flood 2']);
  await turns.take('home 1', 'home');
  assert.deepEqual(turns.refused, ['flood 2', 'home 1'], 'no lane is longer than its own would be');
  await turns.take('flood 3', 'flood');
  assert.deepEqual(turns.refused, ['flood 2', 'home 1', 'flood 3']);
});

test('every turn is given exactly once, in any order of arrivals and ends', async () => {
  const turns = open({ atOnceMax: 3, atOncePerNameMax: 2, waitingMax: 20, waitingPerAddressMax: 8 });
  let seen = 0;
  for (let i = 0; i < 300; i++) {
    await turns.take(`n${i}`, `address ${i % 7}`, `${i % 5}@example.com`);
    assert.ok(turns.running().length <= 3);
    if (i % 3 !== 0) continue;
    const [oldest] = turns.running();
    if (oldest !== undefined) await turns.end(oldest);
    seen++;
  }
  for (let left = turns.running(); left.length > 0; left = turns.running()) {
    await turns.end(left[0] ?? '');
    seen++;
  }
  assert.equal(seen + turns.refused.length, 300);
});
