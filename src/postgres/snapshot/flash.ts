/** Loading stock and orders: see loader.ts. */
import type pg from 'pg';
import { asShardId } from '../../domain/ids.js';
import type { OrderStatus, Stock } from '../../records/flash.js';
import { copyOut } from '../copy/copy-out.js';
import type { SnapshotSink } from '../store.js';

export async function loadFlash(client: pg.Client, asked: string, sink: SnapshotSink): Promise<void> {
  await copyOut(client, `SELECT shard, stock FROM stocks WHERE shard IN (${asked}) ORDER BY shard, seq`, 2, (row) =>
    sink.stock(asShardId(row.int2(0)), JSON.parse(row.text(1)) as Stock),
  );
  await copyOut(
    client,
    `SELECT shard, order_id, product_id, round, user_id, key, held_until_ms, status
     FROM orders WHERE shard IN (${asked}) ORDER BY shard, seq`,
    8,
    (row) =>
      sink.order(asShardId(row.int2(0)), {
        id: row.uuid(1),
        productId: row.text(2),
        round: row.int4(3),
        userId: row.text(4),
        key: row.text(5),
        untilMs: row.isNull(6) ? null : row.int8(6),
        status: row.text(7) as OrderStatus,
      }),
  );
}
