-- Up Migration

-- When a reservation was committed; null: it never was.
ALTER TABLE reservations ADD COLUMN committed_ms bigint;

-- Of those that were committed before, the history tells.
UPDATE reservations SET committed_ms = made_ms WHERE until_ms IS NULL;
UPDATE reservations AS r SET committed_ms = c.at_ms
FROM changes AS c JOIN change_kinds USING (kind)
WHERE name = 'reservationCommitted' AND c.detail::json ->> 'reservationId' = r.id::text;

-- Each use of a promotion, at the time of its commit, for lists and statistics. A use that was
-- rolled back stays in the list and has amounts of 0. The columns that are included spare the sums
-- a look at the table.
CREATE TABLE promotion_uses (
  promotion_id    uuid NOT NULL,
  committed_ms    bigint NOT NULL,
  reservation_id  uuid NOT NULL,
  is_counted      boolean NOT NULL,      -- false: it was rolled back
  currency        text NOT NULL,
  discount        bigint NOT NULL,       -- minor units, without what was rolled back
  revenue         bigint NOT NULL,       -- the same, of what the whole cart paid
  PRIMARY KEY (promotion_id, committed_ms, reservation_id) INCLUDE (is_counted, currency, discount, revenue)
);
-- For sums over all promotions: rows come nearly in the order of their times.
CREATE INDEX promotion_uses_by_time ON promotion_uses USING brin (committed_ms);

-- How often promotions were validated and applied, by minute. These are no events: they come from
-- the HTTP threads each second.
CREATE TABLE promotion_counts (
  promotion_id  uuid NOT NULL,
  minute_ms     bigint NOT NULL,         -- begin of the minute
  validations   bigint NOT NULL,
  applications  bigint NOT NULL,
  PRIMARY KEY (promotion_id, minute_ms) INCLUDE (validations, applications)
);
CREATE INDEX promotion_counts_by_time ON promotion_counts USING brin (minute_ms);

-- Uses that were made before.
INSERT INTO promotion_uses (promotion_id, committed_ms, reservation_id, is_counted, currency, discount, revenue)
SELECT
  (hold ->> 'promotionId')::uuid, committed_ms, id, status = 'committed', cart ->> 'currency',
  sum((hold ->> 'amount')::bigint - coalesce((back -> 'amounts' ->> (place - 1)::int)::bigint, 0)),
  CASE WHEN status = 'committed' THEN (cart ->> 'finalAmount')::bigint ELSE 0 END
FROM (
  SELECT id, committed_ms, status, cart::jsonb AS cart, given_back::jsonb AS back
  FROM reservations WHERE committed_ms IS NOT NULL
) AS r
CROSS JOIN LATERAL jsonb_array_elements(cart -> 'holds') WITH ORDINALITY AS h (hold, place)
GROUP BY id, committed_ms, status, cart, hold ->> 'promotionId';
