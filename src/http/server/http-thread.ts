/**
 * What runs in an HTTP thread: the server, a router to the shard threads, and its line to the main
 * thread.
 */
import type { MessagePort } from 'node:worker_threads';
import type { FromHttpThread, ToHttpThread } from '../../control/supervisor.js';
import { createControlClient } from '../../engine/control-link.js';
import type { DirectoryKey } from '../../engine/directory.js';
import { createRouter } from '../../engine/router.js';
import { type HttpOptions, startHttpServer } from './server.js';

interface HttpThreadOptions {
  readonly main: MessagePort;
  readonly control: MessagePort;
  readonly shardCount: number;
  readonly threadCount: number;
  readonly mailboxMax: number;
  readonly directory: SharedArrayBuffer;
  readonly directoryKey: DirectoryKey;
  readonly http: HttpOptions;
}

export async function runHttpThread(options: HttpThreadOptions): Promise<void> {
  const { main, http, ...routing } = options;
  const router = createRouter(routing);
  const control = createControlClient(options.control);
  const toMain = (message: FromHttpThread): void => main.postMessage(message);
  try {
    const server = await startHttpServer({ engine: router, control, options: http });
    main.on('message', (message: ToHttpThread) => {
      switch (message.type) {
        case 'connect':
          return router.connect(message.thread, message.port);
        case 'disconnect':
          return router.disconnect(message.thread);
        case 'directory':
          router.replaceDirectory(message.table);
          return toMain({ type: 'directoryTaken', id: message.id });
        case 'live': {
          const onLive = server.connectLive(message.port);
          message.port.on('message', onLive);
          return;
        }
        case 'endTokens':
          return server.endTokens(message.ended);
        case 'drain':
          return void server.close().then(() => toMain({ type: 'drained' }));
        case 'close':
          server.closeNow();
          return toMain({ type: 'drained' });
      }
    });
    toMain({ type: 'listening', port: server.port });
  } catch (error) {
    toMain({ type: 'failed', message: error instanceof Error ? error.message : String(error) });
  }
}
