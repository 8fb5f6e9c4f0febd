/** A book in PostgreSQL, for tests of what comes after it. */

import type { BookId } from '../../src/domain/ids.js';
import { createControlStore } from '../../src/postgres/control/control-store.js';
import type { ProjectionWriter } from '../../src/postgres/store.js';
import type { BookSettings } from '../../src/records/values.generated.js';
import { SETTINGS } from '../features/shard.js';
import { AT_MS, BOOK, changeLog, SHARD } from './changes.js';
import { createOwner } from './owner.js';
import { SHARDS } from './server.js';

/** A book of `SHARD` with these codes, live; its index is the code's place in sorted order. */
export async function projectBook(
  url: string,
  writer: ProjectionWriter,
  codes: readonly string[],
  settings: Partial<BookSettings> = {},
  bookId: BookId = BOOK,
): Promise<ReturnType<typeof changeLog>> {
  const store = createControlStore({ url, poolMax: 2, shardCount: SHARDS, isOwn: true });
  const staging = store.stage(SHARD, bookId);
  await staging.write(codes);
  const { batchId, size, count } = await staging.finish(createOwner(store));
  await store.close();
  const log = changeLog();
  const book = {
    id: bookId,
    settings: { ...SETTINGS, ...settings },
    version: 1,
    createdMs: AT_MS,
    updatedMs: AT_MS,
    archivedMs: null,
  };
  log.add([
    { kind: 'bookCreated', book },
    { kind: 'codesAdded', bookId, batchId, firstIndex: 0, size, count },
  ]);
  await writer.write(new Map([[SHARD, log.changes.splice(0)]]));
  return log;
}
