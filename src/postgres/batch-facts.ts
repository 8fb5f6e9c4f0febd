/**
 * What a database says of its batches, read before a start brings it forward from the journal
 * (compose/roll-forward.ts).
 */
import type { ShardId } from '../domain/ids.js';
import type { OpenBatch } from '../records/values.generated.js';
import { connect, endQuietly } from './connection.js';
import { type GeneratorKeys, readGeneratorKeys } from './control/generator-keys.js';
import { missingMigrations } from './migrate.js';

export interface BatchFacts {
  /** Batches whose rows are in. */
  readonly stored: ReadonlySet<number>;
  /** By shard: those that were open at its checkpoint. */
  readonly open: ReadonlyMap<ShardId, readonly OpenBatch[]>;
  readonly generatorKeys: Pick<GeneratorKeys, 'byId'>;
}

/** Null for a database with the schema of an older version, which a start migrates first. */
export async function readBatchFacts(url: string, givenKeys: readonly Uint8Array[]): Promise<BatchFacts | null> {
  if ((await missingMigrations(url)).missing.length > 0) return null;
  const client = await connect(url);
  try {
    const batches = await client.query<{ batchId: number }>(
      'SELECT batch_id AS "batchId" FROM batches WHERE size IS NOT NULL',
    );
    const { rows } = await client.query<{ shard: ShardId } & Omit<OpenBatch, 'fingerprint' | 'openedMs'> & Bigints>(
      `SELECT shard, batch_id AS "batchId", book_id AS "bookId", caller, key, fingerprint,
         opened_ms AS "openedMs", content FROM open_batches`,
    );
    const open = new Map<ShardId, OpenBatch[]>();
    for (const { shard, fingerprint, openedMs, ...batch } of rows) {
      const ofShard = open.get(shard) ?? [];
      open.set(shard, ofShard);
      ofShard.push({
        ...batch,
        fingerprint: fingerprint === null ? null : Number(fingerprint),
        openedMs: Number(openedMs),
      });
    }
    return {
      stored: new Set(batches.rows.map(({ batchId }) => batchId)),
      open,
      generatorKeys: await readGeneratorKeys(client, givenKeys),
    };
  } finally {
    await endQuietly(client);
  }
}

/** `pg` gives these as text. */
interface Bigints {
  readonly fingerprint: string | null;
  readonly openedMs: string;
}
