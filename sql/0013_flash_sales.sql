-- Up Migration

-- Stock of products, as of the running round. What is sold and reserved is counted from `orders`.
CREATE TABLE stocks (
  product_id   text PRIMARY KEY,
  shard        smallint NOT NULL,
  seq          bigint NOT NULL,          -- of the event that made it
  campaign_id  uuid NOT NULL,
  stock        text NOT NULL             -- JSON
);

-- Orders of all rounds: a row for each unit that was sold. A row is never deleted.
CREATE TABLE orders (
  order_id       uuid PRIMARY KEY,
  shard          smallint NOT NULL,
  seq            bigint NOT NULL,        -- of the event that made it
  product_id     text NOT NULL,
  round          integer NOT NULL,
  user_id        text NOT NULL,
  key            text NOT NULL,          -- idempotency key
  held_until_ms  bigint,                 -- it has to be confirmed until then; null: it does not
  status         text NOT NULL DEFAULT 'accepted'
);
CREATE INDEX orders_by_product ON orders (product_id, round, seq);

INSERT INTO change_kinds (kind, name) VALUES
  (28, 'stockInitialized'), (29, 'stockChanged'), (30, 'orderPlaced'), (31, 'orderConfirmed'), (32, 'orderFulfilled'),
  (33, 'orderCancelled');
