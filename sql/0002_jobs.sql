-- Up Migration

-- Who asks for a job twice with the same idempotency key gets the same job.
ALTER TABLE jobs
  ADD COLUMN request_key text UNIQUE,    -- caller, book and key; null: without one
  ADD COLUMN fingerprint bigint;

CREATE INDEX jobs_processing ON jobs (started_ms) WHERE status = 'processing';
