-- Up Migration

-- Clipbook's store: the snapshot that a shard starts from, and the audit of all changes. Times are
-- Unix milliseconds, as they are decided, journaled and shown.
--
-- One writer (the projector) makes nearly all of the changes, in batches, by COPY. So the tables
-- that grow with every operation have no index but where one is asked for by name below, and free
-- text that came from callers is `text`, also where it holds JSON: `jsonb` refuses \u0000 and
-- `json` refuses deep nesting, and one refused row would block the projection for ever.

-- What may not change over one set of data, such as the number of shards.
CREATE TABLE settings (
  name   text PRIMARY KEY,
  value  text NOT NULL
);

-- Everything of a shard through `seq` is in these tables.
CREATE TABLE checkpoints (
  shard  smallint PRIMARY KEY,
  seq    bigint NOT NULL
);

CREATE TABLE books (
  id           uuid PRIMARY KEY,
  shard        smallint NOT NULL,
  version      integer NOT NULL,
  created_ms   bigint NOT NULL,
  updated_ms   bigint NOT NULL,
  archived_ms  bigint,
  settings     text NOT NULL           -- JSON
);

-- A batch of codes. Staged: `live_seq` is null, and nobody sees its codes. Live: a `codesAdded`
-- event named it. `first_block` and `last_block` bound where its rows were put in `codes`, so that
-- a batch is found without an index.
CREATE TABLE batches (
  batch_id     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  shard        smallint NOT NULL,
  book_id      uuid NOT NULL,
  staged_ms    bigint NOT NULL,
  size         integer,                -- null until all of its codes are in
  count        integer,
  first_block  bigint,
  last_block   bigint,
  first_index  integer,
  live_seq     bigint
);

-- One row per code. What is below the line changes with each use; no index names it and pages keep
-- room, so that PostgreSQL updates in place (HOT). The primary key is what makes a code unique over
-- all books.
CREATE TABLE codes (
  code              text COLLATE "C" NOT NULL,
  batch_id          integer NOT NULL,
  ordinal           integer NOT NULL,  -- index in the shard = batches.first_index + ordinal
  ----------------
  redemption_count  integer,
  seq               bigint,            -- of its last event; null: never used
  assigned_ms       bigint,
  lock_id           bigint,
  locked_until_ms   bigint,
  user_id           text,
  CONSTRAINT codes_pkey PRIMARY KEY (code)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.05,
  autovacuum_analyze_scale_factor = 0.2
);

-- The audit: one row per event, never changed. `prev_seq` leads to the event before of the same
-- code, and `codes.seq` to its last one: a code's history is a chain, not an index.
CREATE TABLE changes (
  seq               bigint NOT NULL,
  at_ms             bigint NOT NULL,
  prev_seq          bigint,            -- null: the first event of its code, or not of a code
  shard             smallint NOT NULL,
  kind              smallint NOT NULL, -- change_kinds
  redemption_count  integer,           -- after it
  lock_id           bigint,
  until_ms          bigint,
  book_id           uuid NOT NULL,
  redemption_id     uuid,
  code              text,
  user_id           text,
  caller            text NOT NULL,
  request_id        text NOT NULL,
  detail            text,              -- JSON
  CONSTRAINT changes_pkey PRIMARY KEY (shard, seq)
) WITH (autovacuum_analyze_scale_factor = 1, autovacuum_vacuum_insert_scale_factor = 1);

CREATE TABLE change_kinds (
  kind  smallint PRIMARY KEY,
  name  text NOT NULL UNIQUE
);

INSERT INTO change_kinds (kind, name) VALUES
  (1, 'bookCreated'), (2, 'bookUpdated'), (3, 'bookArchived'), (4, 'codesAdded'), (5, 'noted'),
  (6, 'codeAssigned'), (7, 'codeUnassigned'), (8, 'codeLocked'), (9, 'codeUnlocked'), (10, 'leaseExpired'),
  (11, 'codeRedeemed'), (12, 'redemptionRolledBack');

-- Redemptions and their rollbacks, only ever added to: a redemption stands while no rollback names
-- it.
CREATE TABLE redemptions (
  seq            bigint NOT NULL,
  at_ms          bigint NOT NULL,
  index          integer NOT NULL,
  shard          smallint NOT NULL,
  redemption_id  uuid NOT NULL,
  user_id        text NOT NULL
);

CREATE TABLE rollbacks (
  seq            bigint NOT NULL,
  shard          smallint NOT NULL,
  redemption_id  uuid NOT NULL
);

-- Successes that are answered again when their idempotency key comes again. In partitions of one
-- hour each, made as they are needed and dropped whole when they are old.
CREATE TABLE remembered_keys (
  at_ms        bigint NOT NULL,
  seq          bigint NOT NULL,
  fingerprint  bigint NOT NULL,
  shard        smallint NOT NULL,
  book_id      uuid,                   -- null: the key of a book's creation
  caller       text NOT NULL,
  key          text NOT NULL,
  outcome      text NOT NULL           -- JSON
) PARTITION BY RANGE (at_ms);

CREATE TABLE users (
  id             uuid PRIMARY KEY,
  email          text NOT NULL,
  role           text NOT NULL CHECK (role IN ('admin', 'service', 'user')),
  password_hash  text NOT NULL,
  created_ms     bigint NOT NULL
);

CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE jobs (
  id           uuid PRIMARY KEY,
  kind         text NOT NULL,
  status       text NOT NULL CHECK (status IN ('processing', 'completed', 'failed', 'cancelled')),
  done         bigint NOT NULL DEFAULT 0,
  total        bigint,
  started_ms   bigint NOT NULL,
  finished_ms  bigint,
  error        text,
  detail       text                    -- JSON
);

-- How many codes of a book's pattern were generated: each counter gives one code, and none is given
-- out twice.
CREATE TABLE generated (
  book_id  uuid NOT NULL,
  pattern  text NOT NULL,
  next     bigint NOT NULL,
  PRIMARY KEY (book_id, pattern)
);
