/** Loading promotions and reservations: see loader.ts. */
import type pg from 'pg';
import { asBookId, asCampaignId, asShardId } from '../../domain/ids.js';
import type {
  GivenBack,
  PromotionPlan,
  PromotionSettings,
  RedemptionIds,
  ReservationStatus,
  ReservedCart,
} from '../../records/promotions.js';
import { copyOut } from '../copy/copy-out.js';
import type { SnapshotSink } from '../store.js';

export async function loadPromotions(client: pg.Client, asked: string, sink: SnapshotSink): Promise<void> {
  await copyOut(
    client,
    `SELECT shard, id, campaign_id FROM books WHERE campaign_id IS NOT NULL AND shard IN (${asked}) ORDER BY id`,
    3,
    (row) => sink.bookOfCampaign(asShardId(row.int2(0)), asBookId(row.uuid(1)), asCampaignId(row.uuid(2))),
  );
  await copyOut(
    client,
    `SELECT shard, id, campaign_id, batch_id, version, created_ms, updated_ms, archived_ms, settings, plan
     FROM promotions WHERE shard IN (${asked}) ORDER BY shard, seq`,
    10,
    (row) =>
      sink.promotion(asShardId(row.int2(0)), {
        id: row.uuid(1),
        campaignId: asCampaignId(row.uuid(2)),
        batchId: row.isNull(3) ? null : row.int4(3),
        version: row.int4(4),
        createdMs: row.int8(5),
        updatedMs: row.int8(6),
        archivedMs: row.isNull(7) ? null : row.int8(7),
        settings: JSON.parse(row.text(8)) as PromotionSettings,
        plan: JSON.parse(row.text(9)) as PromotionPlan,
      }),
  );
  await copyOut(
    client,
    `SELECT shard, id, campaign_id, caller, user_id, cart_id, order_id, made_ms, until_ms, committed_ms,
       status, cart, given_back, redemption_ids
     FROM reservations WHERE shard IN (${asked}) ORDER BY shard, seq`,
    14,
    (row) =>
      sink.reservation(asShardId(row.int2(0)), {
        id: row.uuid(1),
        campaignId: asCampaignId(row.uuid(2)),
        caller: row.text(3),
        userId: row.isNull(4) ? null : row.text(4),
        cartId: row.isNull(5) ? null : row.text(5),
        orderId: row.isNull(6) ? null : row.text(6),
        madeMs: row.int8(7),
        untilMs: row.isNull(8) ? null : row.int8(8),
        committedMs: row.isNull(9) ? null : row.int8(9),
        status: row.text(10) as ReservationStatus,
        cart: JSON.parse(row.text(11)) as ReservedCart,
        givenBack: row.isNull(12) ? null : (JSON.parse(row.text(12)) as GivenBack),
        redemptionIds: row.isNull(13) ? null : (JSON.parse(row.text(13)) as RedemptionIds),
      }),
  );
}
