/** The rows of promotions and reservations that one projection changes. */
import type pg from 'pg';
import type { BookId, CampaignId, Seq, ShardId } from '../../domain/ids.js';
import type {
  BookJoinedCampaign,
  PromotionArchived,
  PromotionCreated,
  PromotionUpdated,
  ReservationCommitted,
  ReservationExpired,
  ReservationMade,
  ReservationReleased,
  ReservationRenewed,
  ReservationRolledBack,
  ReservedCodesRedeemed,
} from '../../records/events.generated.js';
import type { GivenBack, Promotion, RedemptionIds, ReservationStatus } from '../../records/promotions.js';
import { writeUses } from './promotion-uses.js';

/** Null: no event of the projection touched it. */
interface ReservationUpdate {
  status: ReservationStatus | null;
  untilMs: number | null;
  committedMs: number | null;
  orderId: string | null;
  givenBack: GivenBack | null;
  redemptionIds: RedemptionIds | null;
}

interface Made extends ReservationUpdate {
  readonly shard: ShardId;
  readonly seq: Seq;
  readonly madeMs: number;
  readonly event: ReservationMade;
}

export class PromotionRows {
  readonly #campaigns = new Map<BookId, CampaignId>();
  readonly #promotions = new Map<string, { shard: ShardId; seq: Seq; promotion: Promotion }>();
  readonly #made = new Map<string, Made>();
  readonly #updates = new Map<string, ReservationUpdate>();
  /** Reservations whose uses changed. */
  readonly #used = new Set<string>();

  clear(): void {
    this.#campaigns.clear();
    this.#promotions.clear();
    this.#made.clear();
    this.#updates.clear();
    this.#used.clear();
  }

  bookJoinedCampaign(_shard: ShardId, _seq: Seq, { bookId, campaignId }: BookJoinedCampaign): void {
    this.#campaigns.set(bookId, campaignId);
  }

  promotionChanged(
    shard: ShardId,
    seq: Seq,
    { promotion }: PromotionCreated | PromotionUpdated | PromotionArchived,
  ): void {
    const first = this.#promotions.get(promotion.id)?.seq ?? seq;
    this.#promotions.set(promotion.id, { shard, seq: first, promotion });
  }

  /** A cart that takes the place of another one leaves the row as old as it is. */
  reservationMade(shard: ShardId, seq: Seq, event: ReservationMade): void {
    const { reservationId, untilMs, orderId } = event;
    const status = untilMs === null ? 'committed' : 'held';
    const { seq: firstSeq, madeMs } = this.#made.get(reservationId) ?? { seq, madeMs: event.madeMs };
    this.#updates.delete(reservationId);
    const committedMs = untilMs === null ? madeMs : null;
    if (committedMs !== null) this.#used.add(reservationId);
    const row = { status, untilMs, committedMs, orderId, givenBack: null, redemptionIds: null } as const;
    this.#made.set(reservationId, { shard, seq: firstSeq, madeMs, event, ...row });
  }

  reservationRenewed(_shard: ShardId, _seq: Seq, { reservationId, untilMs }: ReservationRenewed): void {
    this.#update(reservationId).untilMs = untilMs;
  }

  reservationCommitted(
    _shard: ShardId,
    _seq: Seq,
    { reservationId, orderId, committedMs }: ReservationCommitted,
  ): void {
    Object.assign(this.#update(reservationId), { status: 'committed', orderId, committedMs });
    this.#used.add(reservationId);
  }

  reservedCodesRedeemed(_shard: ShardId, _seq: Seq, { reservationId, redemptionIds }: ReservedCodesRedeemed): void {
    this.#update(reservationId).redemptionIds = redemptionIds;
  }

  reservationEnded(_shard: ShardId, _seq: Seq, event: ReservationReleased | ReservationExpired): void {
    this.#update(event.reservationId).status = event.kind === 'reservationReleased' ? 'released' : 'expired';
  }

  reservationRolledBack(
    _shard: ShardId,
    _seq: Seq,
    { reservationId, givenBack, isWhole }: ReservationRolledBack,
  ): void {
    Object.assign(this.#update(reservationId), { status: isWhole ? 'rolledBack' : 'committed', givenBack });
    this.#used.add(reservationId);
  }

  #update(id: string): ReservationUpdate {
    const known = this.#made.get(id) ?? this.#updates.get(id);
    if (known !== undefined) return known;
    const update = {
      status: null,
      untilMs: null,
      committedMs: null,
      orderId: null,
      givenBack: null,
      redemptionIds: null,
    };
    this.#updates.set(id, update);
    return update;
  }

  /** The books are written before. */
  async write(client: pg.Client): Promise<void> {
    if (this.#campaigns.size > 0) await this.#writeCampaigns(client);
    if (this.#promotions.size > 0) await this.#writePromotions(client);
    if (this.#made.size > 0) await this.#writeMade(client);
    if (this.#updates.size > 0) await this.#writeUpdates(client);
    const used = [...this.#used];
    if (used.length > 0) await writeUses(client, used);
  }

  async #writeCampaigns(client: pg.Client): Promise<void> {
    await client.query({
      name: 'write-campaigns-of-books',
      text: `
        UPDATE books AS b SET campaign_id = c.campaign_id
        FROM unnest($1::uuid[], $2::uuid[]) AS c (id, campaign_id) WHERE b.id = c.id`,
      values: [[...this.#campaigns.keys()], [...this.#campaigns.values()]],
    });
  }

  async #writePromotions(client: pg.Client): Promise<void> {
    const list = [...this.#promotions.values()];
    await client.query({
      name: 'write-promotions',
      text: `
        INSERT INTO promotions (
          id, shard, seq, campaign_id, batch_id, version, created_ms, updated_ms, archived_ms, settings, plan
        )
        SELECT * FROM unnest(
          $1::uuid[], $2::smallint[], $3::bigint[], $4::uuid[], $5::int[], $6::int[], $7::bigint[], $8::bigint[],
          $9::bigint[], $10::text[], $11::text[]
        )
        ON CONFLICT (id) DO UPDATE SET
          version = excluded.version, updated_ms = excluded.updated_ms, archived_ms = excluded.archived_ms,
          settings = excluded.settings, plan = excluded.plan`,
      values: [
        list.map(({ promotion }) => promotion.id),
        list.map(({ shard }) => shard),
        list.map(({ seq }) => seq),
        list.map(({ promotion }) => promotion.campaignId),
        list.map(({ promotion }) => promotion.batchId),
        list.map(({ promotion }) => promotion.version),
        list.map(({ promotion }) => promotion.createdMs),
        list.map(({ promotion }) => promotion.updatedMs),
        list.map(({ promotion }) => promotion.archivedMs),
        list.map(({ promotion }) => JSON.stringify(promotion.settings)),
        list.map(({ promotion }) => JSON.stringify(promotion.plan)),
      ],
    });
  }

  /** A cart that took the place of another one changes the row that is there. */
  async #writeMade(client: pg.Client): Promise<void> {
    const list = [...this.#made.values()];
    await client.query({
      name: 'write-reservations',
      text: `
        INSERT INTO reservations (
          id, shard, seq, campaign_id, made_ms, until_ms, committed_ms, status, caller, user_id, cart_id, order_id, cart,
          given_back, redemption_ids
        )
        SELECT * FROM unnest(
          $1::uuid[], $2::smallint[], $3::bigint[], $4::uuid[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[],
          $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[]
        )
        ON CONFLICT (id) DO UPDATE SET
          until_ms = excluded.until_ms, committed_ms = excluded.committed_ms, status = excluded.status,
          order_id = excluded.order_id, cart = excluded.cart, given_back = excluded.given_back,
          redemption_ids = excluded.redemption_ids`,
      values: [
        list.map(({ event }) => event.reservationId),
        list.map(({ shard }) => shard),
        list.map(({ seq }) => seq),
        list.map(({ event }) => event.campaignId),
        list.map(({ madeMs }) => madeMs),
        list.map(({ untilMs }) => untilMs),
        list.map(({ committedMs }) => committedMs),
        list.map(({ status }) => status),
        list.map(({ event }) => event.caller),
        list.map(({ event }) => event.userId),
        list.map(({ event }) => event.cartId),
        list.map(({ orderId }) => orderId),
        list.map(({ event }) => JSON.stringify(event.cart)),
        list.map(({ givenBack }) => jsonOrNull(givenBack)),
        list.map(({ redemptionIds }) => jsonOrNull(redemptionIds)),
      ],
    });
  }

  async #writeUpdates(client: pg.Client): Promise<void> {
    const list = [...this.#updates];
    const { rowCount } = await client.query({
      name: 'update-reservations',
      text: `
        UPDATE reservations AS r SET
          status = coalesce(u.status, r.status), until_ms = coalesce(u.until_ms, r.until_ms),
          committed_ms = coalesce(u.committed_ms, r.committed_ms),
          order_id = coalesce(u.order_id, r.order_id), given_back = coalesce(u.given_back, r.given_back),
          redemption_ids = coalesce(u.redemption_ids, r.redemption_ids)
        FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[])
          AS u (id, status, until_ms, committed_ms, order_id, given_back, redemption_ids)
        WHERE r.id = u.id`,
      values: [
        list.map(([id]) => id),
        list.map(([, { status }]) => status),
        list.map(([, { untilMs }]) => untilMs),
        list.map(([, { committedMs }]) => committedMs),
        list.map(([, { orderId }]) => orderId),
        list.map(([, { givenBack }]) => jsonOrNull(givenBack)),
        list.map(([, { redemptionIds }]) => jsonOrNull(redemptionIds)),
      ],
    });
    if (rowCount !== list.length)
      throw new Error(`${list.length} reservations changed, but PostgreSQL has ${rowCount} of them`);
  }
}

const jsonOrNull = (value: object | null): string | null => (value === null ? null : JSON.stringify(value));
