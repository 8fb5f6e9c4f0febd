-- Up Migration

-- The next access to a page removes dead versions of a code (HOT), so frequent vacuuming gains
-- nothing, and while vacuum reads the table, callers and projector wait for the disk. With the
-- threshold of a twentieth of all codes, it ran every minute under a long load.
ALTER TABLE codes SET (autovacuum_vacuum_scale_factor = 0.3);
