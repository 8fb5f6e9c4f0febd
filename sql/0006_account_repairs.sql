-- Up Migration

-- A disabled account does not sign in. Each access token names the generation of its account. Every
-- repair of an account (disable, enable, another password, another role) raises the generation, and
-- tokens of an earlier one are refused.
ALTER TABLE users
  ADD COLUMN disabled_ms bigint,                     -- null: active
  ADD COLUMN generation integer NOT NULL DEFAULT 0,
  ADD COLUMN repaired_ms bigint;                     -- when the generation was last raised; null: never

-- A running server reads these accounts twice a second.
CREATE INDEX users_repaired ON users (id) WHERE generation > 0 OR disabled_ms IS NOT NULL;
