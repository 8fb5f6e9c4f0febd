-- Up Migration

-- The keys that codes are generated from. Whoever has a key can compute its codes, so a key may be
-- configured from outside (GENERATOR_KEY). Then it is not stored here, and no dump has it.
-- docs/production.md, "The key of generated codes".
CREATE TABLE generator_keys (
  id           integer PRIMARY KEY,      -- 1: made before keys had ids; else a part of the fingerprint
  fingerprint  bytea NOT NULL UNIQUE,    -- SHA-256 of the key
  secret       bytea,                    -- null: given from outside, or removed
  created_ms   bigint NOT NULL,
  retired_ms   bigint                    -- null: codes are made with it
);

INSERT INTO generator_keys (id, fingerprint, secret, created_ms)
SELECT 1, sha256(decode(value, 'hex')), decode(value, 'hex'), (extract(epoch FROM now()) * 1000)::bigint
FROM settings WHERE name = 'generator_key';

DELETE FROM settings WHERE name = 'generator_key';

-- Another key gives other codes for the same counters, so each key has counters of its own.
ALTER TABLE generated
  ADD COLUMN key_id integer NOT NULL DEFAULT 1,
  DROP CONSTRAINT generated_pkey,
  ADD PRIMARY KEY (book_id, pattern, key_id);

ALTER TABLE generated ALTER COLUMN key_id DROP DEFAULT;

ALTER TABLE reserved_counters ADD COLUMN key_id integer NOT NULL DEFAULT 1;

ALTER TABLE reserved_counters ALTER COLUMN key_id DROP DEFAULT;
