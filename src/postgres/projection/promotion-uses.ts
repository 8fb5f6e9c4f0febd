/**
 * The uses of promotions, made of the reservations that one projection changed. Each row is made
 * anew of all that its reservation says, so writing it twice changes nothing.
 */
import type pg from 'pg';

/**
 * A part of a cart that was rolled back paid the price of its lines less the discounts that went
 * back with them. With the last line, all of the cart counts as rolled back.
 */
const WRITE_USES = `
  INSERT INTO promotion_uses (
    promotion_id, committed_ms, reservation_id, is_counted, currency, discount, revenue
  )
  SELECT
    (hold ->> 'promotionId')::uuid, committed_ms, id, status = 'committed', cart ->> 'currency',
    sum((hold ->> 'amount')::bigint - coalesce((back -> 'amounts' ->> (place - 1)::int)::bigint, 0)),
    CASE WHEN status = 'committed' THEN (cart ->> 'finalAmount')::bigint - paid_back ELSE 0 END
  FROM (
    SELECT id, committed_ms, status, cart::jsonb AS cart, given_back::jsonb AS back
    FROM reservations WHERE id = ANY($1::uuid[]) AND committed_ms IS NOT NULL
  ) AS r
  CROSS JOIN LATERAL (
    SELECT
      coalesce((
        SELECT sum(quantity::bigint * coalesce((cart -> 'lines' -> (place - 1)::int ->> 'unitPrice')::bigint, 0))
        FROM jsonb_array_elements_text(nullif(back -> 'quantities', 'null')) WITH ORDINALITY AS q (quantity, place)
      ), 0) - coalesce((
        SELECT sum(amount::bigint) FROM jsonb_array_elements_text(back -> 'amounts') AS a (amount)
      ), 0) AS paid_back
  ) AS p
  CROSS JOIN LATERAL jsonb_array_elements(cart -> 'holds') WITH ORDINALITY AS h (hold, place)
  WHERE hold ->> 'promotionId' IS NOT NULL
  GROUP BY id, committed_ms, status, cart, paid_back, hold ->> 'promotionId'
  ON CONFLICT (promotion_id, committed_ms, reservation_id) DO UPDATE SET
    is_counted = excluded.is_counted, discount = excluded.discount, revenue = excluded.revenue`;

/** The rows of these reservations are written already. */
export async function writeUses(client: pg.Client, reservationIds: readonly string[]): Promise<void> {
  await client.query({ name: 'write-uses', text: WRITE_USES, values: [reservationIds] });
}
