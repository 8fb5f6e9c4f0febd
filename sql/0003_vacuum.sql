-- Up Migration

-- Dead versions of a code are taken away by whoever comes to its page next (HOT), so vacuum has
-- nothing to gain from coming often, and while it goes through the table callers and projector wait
-- for the disk. A twentieth of all codes had it come every minute of a load that lasts.
ALTER TABLE codes SET (autovacuum_vacuum_scale_factor = 0.3);
