-- Up Migration

-- When a reservation was committed; null: it never was.
ALTER TABLE reservations ADD COLUMN committed_ms bigint;

-- Of those that were committed before, the history tells.
UPDATE reservations SET committed_ms = made_ms WHERE until_ms IS NULL;
UPDATE reservations AS r SET committed_ms = c.at_ms
FROM changes AS c JOIN change_kinds USING (kind)
WHERE name = 'reservationCommitted' AND c.detail::json ->> 'reservationId' = r.id::text;
