/**
 * The real server as `src/main.ts` starts it, with a line to the test: the test may end a shard
 * thread, look into the shards, and give shard threads a small heap (`TEST_SHARD_HEAP_MB`).
 */
import { parseConfig } from '../../src/compose/config.js';
import { createLogger } from '../../src/compose/log.js';
import { type Clipbook, type QuickEnds, startClipbook } from '../../src/compose/server.js';
import type { Inspection } from '../../src/control/supervisor.js';
import { EXIT_CODES, type ExitCause } from '../../src/platform/exit-codes.js';

export interface Answers {
  readonly killShardThread: null;
  readonly killLiveThread: null;
  readonly inspect: Inspection;
  readonly statuses: readonly string[];
}

export type Question =
  | { readonly ask: 'killShardThread'; readonly thread: number }
  | { readonly ask: 'killLiveThread' }
  | { readonly ask: 'inspect' }
  | { readonly ask: 'statuses' };

export interface Answered {
  readonly id: number;
  readonly answer?: unknown;
  readonly error?: string;
}

if (process.send !== undefined) await main();

async function main(): Promise<void> {
  const config = parseConfig(process.env);
  const log = createLogger({ level: config.logLevel, thread: 'main' });
  const heap = process.env['TEST_SHARD_HEAP_MB'];
  const quickEnds: QuickEnds = [];
  const onFatal = (message: string, cause: ExitCause): void => {
    process.stderr.write(`fatal: ${message}\n`);
    void Promise.all(quickEnds.map((end) => end())).then(() => process.exit(EXIT_CODES[cause]));
  };
  const limits = heap === undefined ? {} : { shardHeapMb: Number(heap) };
  const clipbook = await startClipbook(config, log, onFatal, limits, quickEnds);
  process.on('message', (question: Question & { readonly id: number }) => {
    answer(clipbook, question).then(
      (told) => process.send?.({ id: question.id, answer: told } satisfies Answered),
      (error: unknown) => process.send?.({ id: question.id, error: String(error) } satisfies Answered),
    );
  });
  process.once('SIGTERM', () => void clipbook.stop().then(() => process.exit(0)));
  process.stdout.write(`clipbook listening on http://${config.host}:${clipbook.port}\n`);
}

async function answer({ supervisor, liveThread }: Clipbook, question: Question): Promise<Answers[Question['ask']]> {
  switch (question.ask) {
    case 'killShardThread':
      await supervisor.killShardThread(question.thread);
      return null;
    case 'killLiveThread':
      await liveThread.kill();
      return null;
    case 'inspect':
      return supervisor.inspect();
    case 'statuses':
      return supervisor.statuses();
  }
}
