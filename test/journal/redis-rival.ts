/**
 * A process that owns shard 0 of the Redis at argv[2] and appends until it can't; says so on
 * standard output.
 */
import { asSeq, asShardId } from '../../src/domain/ids.js';
import { openRedisJournal } from '../../src/journal/redis/redis-journal.js';
import { commit } from './conformance.js';

const [, , url = '', name = ''] = process.argv;
const shard = asShardId(0);
const journal = await openRedisJournal({ url, log: { info: () => undefined, warn: () => undefined } });
const writer = await journal.openWriter([shard]);
let seq = writer.lastSeqs.get(shard) ?? asSeq(0);
try {
  for (let count = 1; ; count += 1) {
    await commit(writer, [{ shard, firstSeq: asSeq(seq + 1), lastSeq: asSeq(seq + 1), payload: Buffer.from(name) }]);
    seq = asSeq(seq + 1);
    if (count === 20) process.stdout.write('appending\n');
  }
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.name : String(error)} after ${seq}\n`);
}
await journal.close();
