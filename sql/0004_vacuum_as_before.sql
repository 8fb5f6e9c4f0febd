-- Up Migration

-- Coming rarely, as 0003 had it, gained nothing that was measured. A migration that ran somewhere
-- is not taken out of its place.
ALTER TABLE codes SET (autovacuum_vacuum_scale_factor = 0.05);
