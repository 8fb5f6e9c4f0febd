/** What leaves an HTTP thread, and what is withdrawn before it does. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { asBookId } from '../../src/domain/ids.js';
import { createDirectory, NO_DIRECTORY } from '../../src/engine/directory.js';
import type { CommandReply } from '../../src/engine/engine.js';
import type { Message } from '../../src/engine/message.js';
import { readRequests } from '../../src/engine/messages.generated.js';
import { createRouter } from '../../src/engine/router.js';

const bookId = asBookId('01930000-0000-7000-8000-000000000001');
const origin = { caller: 'till', requestId: 'r', idempotency: null };

function setUp(): { router: ReturnType<typeof createRouter>; shardThread: MessagePort; close(): void } {
  const directory = createDirectory(NO_DIRECTORY, async () => undefined);
  const router = createRouter({
    shardCount: 1,
    threadCount: 1,
    directory: directory.table,
    directoryKey: NO_DIRECTORY,
    mailboxMax: 1000,
  });
  const { port1, port2 } = new MessageChannel();
  router.connect(0, port1);
  return { router, shardThread: port2, close: () => port2.close() };
}

const usersIn = (message: Message): string[] =>
  readRequests(message, 0).map((request) =>
    request.kind === 'command' && request.command.kind === 'assignRandom' ? request.command.userId : '',
  );

test('a command that is withdrawn in its turn is never sent, and its slot is free', async () => {
  const { router, shardThread, close } = setUp();
  const never = (reply: CommandReply): void => assert.fail(`a reply: ${reply.kind}`);
  const other = (): void => undefined;
  router.command({ kind: 'assignRandom', bookId, userId: 'ann' }, origin, never);
  router.command({ kind: 'assignRandom', bookId, userId: 'bob' }, origin, other);
  assert.equal(router.withdraw(never), true);
  assert.equal(router.withdraw(never), false);
  assert.equal(router.underWay(), 1);
  const [message] = (await once(shardThread, 'message')) as [Message];
  assert.deepEqual(usersIn(message), ['bob']);
  assert.equal(router.withdraw(other), false, 'it has left');
  close();
});

test('the newest command can be withdrawn, however many came before it in its turn', async () => {
  for (const count of [31, 32, 33, 64]) {
    const { router, shardThread, close } = setUp();
    const newest = (): void => assert.fail('a reply');
    for (let i = 1; i < count; i++) {
      router.command({ kind: 'assignRandom', bookId, userId: `u${i}` }, origin, () => undefined);
    }
    router.command({ kind: 'assignRandom', bookId, userId: 'newest' }, origin, newest);
    assert.equal(router.withdraw(newest), true, `${count} commands`);
    const arrived: string[] = [];
    while (arrived.length < count - 1) {
      const [message] = (await once(shardThread, 'message')) as [Message];
      arrived.push(...usersIn(message));
    }
    assert.equal(arrived.includes('newest'), false);
    close();
  }
});
