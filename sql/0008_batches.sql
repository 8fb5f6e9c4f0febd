-- Up Migration

-- The journal alone decides what a batch is: open, live or given up (docs/decisions/staging.md).
-- Ids of batches are chosen by the shards; PostgreSQL chooses none any more. A row in `batches`
-- comes with all of its codes, in one transaction.
ALTER TABLE batches ALTER COLUMN batch_id DROP IDENTITY;

-- How many ids of batches the shard has given out: id = counter * SHARDS + shard. Those from before
-- this version stay; new ones begin above the largest of them.
ALTER TABLE checkpoints ADD COLUMN batch_counter bigint NOT NULL DEFAULT 0;

UPDATE checkpoints SET batch_counter = (
  SELECT coalesce(max(batch_id), 0) / (SELECT value::bigint FROM settings WHERE name = 'shards') + 1 FROM batches
);

-- Batches that are open at the checkpoint of their shard.
CREATE TABLE open_batches (
  batch_id     integer PRIMARY KEY,
  shard        smallint NOT NULL,
  book_id      uuid NOT NULL,
  caller       text NOT NULL,
  key          text,                   -- of the request that brings the codes; null: without one
  fingerprint  bigint,
  opened_ms    bigint NOT NULL,
  content      text NOT NULL           -- JSON: what makes the codes again, or count and SHA-256
);

INSERT INTO change_kinds (kind, name) VALUES (13, 'batchOpened'), (14, 'batchGivenUp');
