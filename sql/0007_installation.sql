-- Up Migration

-- To which installation this database belongs, and which process serves it. One row, made by the
-- first start. The journal holds the same id. A process that serves names itself in `holder` and
-- renews `seen_at` every few seconds, by the clock of this database. Taking over raises `epoch`;
-- transactions of the process before find that epoch and holder are not theirs any more, and fail.
CREATE TABLE installation (
  one         boolean PRIMARY KEY DEFAULT true CHECK (one),
  id          uuid NOT NULL,
  epoch       bigint NOT NULL,
  holder      text,                    -- null: no process serves
  place       text NOT NULL,           -- of the holder: host and process
  taken_at    timestamptz NOT NULL,
  seen_at     timestamptz NOT NULL,
  journal     text,                    -- where the id was written into; null: not yet
  is_drained  boolean NOT NULL         -- the last process stopped when everything in the journal was in here
);

-- SHA-256 of the journal's last entry that is in here. Null: not known.
ALTER TABLE checkpoints ADD COLUMN entry_hash bytea;

-- What `clipbook restore --accept-loss` accepted. The next start goes on without it, says so, and
-- sets `used_at`.
CREATE TABLE accepted_losses (
  shard        smallint NOT NULL,
  after_seq    bigint NOT NULL,        -- the journal's entries end here
  goes_on      bigint NOT NULL,        -- the shard goes on after this one
  accepted_at  timestamptz NOT NULL DEFAULT now(),
  used_at      timestamptz
);

-- Versions before this one know nothing of an installation, and must not serve this database any
-- more. At each start they insert their number of shards under the name `shards`. This version
-- keeps it under another name.
INSERT INTO settings (name, value) SELECT 'shard_count', value FROM settings WHERE name = 'shards';

CREATE FUNCTION refuse_older_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a newer version of Clipbook has taken this database into use; run that version or a later one';
END
$$;

CREATE TRIGGER refuse_older_version BEFORE INSERT ON settings
  FOR EACH ROW WHEN (NEW.name = 'shards') EXECUTE FUNCTION refuse_older_version();
