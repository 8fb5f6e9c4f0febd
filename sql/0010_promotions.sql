-- Up Migration

-- Promotions, those that are archived too. Their uses and holds are counted from `reservations`.
CREATE TABLE promotions (
  id           uuid PRIMARY KEY,
  shard        smallint NOT NULL,
  seq          bigint NOT NULL,          -- of the event that made it
  campaign_id  uuid NOT NULL,
  batch_id     integer,                  -- claims the code in `codes`; null: it has no code
  version      integer NOT NULL,
  created_ms   bigint NOT NULL,
  updated_ms   bigint NOT NULL,
  archived_ms  bigint,
  settings     text NOT NULL,            -- JSON
  plan         text NOT NULL             -- JSON: windows and periods as instants
);

-- Holds and uses of promotions. A row is never deleted: uses count for ever.
CREATE TABLE reservations (
  id           uuid PRIMARY KEY,
  shard        smallint NOT NULL,
  seq          bigint NOT NULL,          -- of the event that made it
  campaign_id  uuid NOT NULL,
  made_ms      bigint NOT NULL,
  until_ms     bigint,                   -- null: committed at once
  status       text NOT NULL,
  caller       text NOT NULL,
  user_id      text,
  cart_id      text,
  order_id     text,
  cart         text NOT NULL,            -- JSON: amounts, lines, and what it holds of each promotion
  given_back   text                      -- JSON
);

INSERT INTO change_kinds (kind, name) VALUES
  (15, 'promotionCreated'), (16, 'promotionUpdated'), (17, 'promotionArchived'), (18, 'codeClaimed'),
  (19, 'codeFreed'), (20, 'reservationMade'), (21, 'reservationRenewed'), (22, 'reservationCommitted'),
  (23, 'reservationReleased'), (24, 'reservationExpired'), (25, 'reservationRolledBack');
