/** Which way a request takes from an HTTP thread. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import { createDirectory, NO_DIRECTORY } from '../../src/engine/directory.js';
import type { CommandReply, QueryReply } from '../../src/engine/engine.js';
import type { Message } from '../../src/engine/message.js';
import { readRequests } from '../../src/engine/messages.generated.js';
import { createRouter } from '../../src/engine/router.js';
import { ReplyWriter } from '../../src/engine/wire.js';

const THREADS = 2;

/** A router whose shard threads say of every code that it is not there. */
function open(t: { after(run: () => void): void }) {
  const { table } = createDirectory(NO_DIRECTORY, () => Promise.resolve());
  const router = createRouter({
    shardCount: 4,
    threadCount: THREADS,
    directory: table,
    directoryKey: NO_DIRECTORY,
    mailboxMax: 100,
  });
  const asked: string[] = [];
  for (let thread = 0; thread < THREADS; thread++) {
    const { port1, port2 } = new MessageChannel();
    t.after(() => port1.close());
    router.connect(thread, port1);
    port2.on('message', (message: Message) => {
      const writer = new ReplyWriter();
      for (const request of readRequests(message, 0)) {
        asked.push(request.kind);
        assert.equal(request.shard % THREADS, thread);
        const reply = { kind: 'refused', reason: 'codeNotFound', detail: 'None.' } as const;
        writer.write({ to: 0, id: request.id, command: null, reply });
      }
      port2.postMessage(writer.message);
    });
  }
  return { router, asked };
}

test('an unknown code is routed like an existing one, so that its answer does not come sooner', async (t) => {
  const { router, asked } = open(t);
  const origin = { caller: 'ann', requestId: 'r', idempotency: null };
  for (let n = 0; n < 8; n++) {
    const code = `UNKNOWN-${n}`;
    const command = { kind: 'lockCode', code, userId: 'ann', ttlMs: null } as const;
    const locked = await new Promise<CommandReply>((resolve) => router.command(command, origin, resolve));
    assert.equal(locked.kind === 'refused' && locked.reason, 'codeNotFound');
    const got = await new Promise<QueryReply>((resolve) => router.query({ kind: 'getCode', code }, null, resolve));
    assert.equal(got.kind === 'refused' && got.reason, 'codeNotFound');
  }
  assert.deepEqual(asked, Array.from({ length: 8 }, () => ['command', 'query']).flat());
});
