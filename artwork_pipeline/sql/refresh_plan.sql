-- Make the plan, or bring it up to date, against people who write at the same time. Run in one transaction.

CREATE TEMP TABLE proposed ON COMMIT DROP AS SELECT * FROM artwork_migration.classify();
CREATE UNIQUE INDEX ON proposed (artwork_id);

-- What is migrated stays migrated, unless it has no customer any more.
UPDATE proposed SET state = 'migrated', reason = NULL, merged_into = NULL
FROM artwork_migration.outcomes o
WHERE o.item = proposed.artwork_id::text AND o.state = 'migrated' AND proposed.state <> 'migrated'
  AND proposed.reason IS DISTINCT FROM @no_customer_name@ AND proposed.reason IS DISTINCT FROM @no_customer_email@;
-- A twin cannot be merged into a row that is not migrated.
UPDATE proposed SET state = 'migrated', merged_into = NULL
FROM proposed AS survivor
WHERE survivor.artwork_id = proposed.merged_into AND survivor.state <> 'migrated';
ANALYZE proposed;

CREATE TEMP TABLE differing ON COMMIT DROP AS
SELECT proposed.*, p.artwork_id IS NULL AS is_new FROM proposed LEFT JOIN artwork_migration.plan p USING (artwork_id)
WHERE p.artwork_id IS NULL
   OR (p.partition, p.state, p.reason, p.merged_into, p.source_hash)
       IS DISTINCT FROM (proposed.partition, proposed.state, proposed.reason, proposed.merged_into, proposed.source_hash);

-- A backfill that was stopped in the middle of a slice would go on behind rows that are planned anew only now.
-- First of all locks, as a batch of the backfill takes its own.
UPDATE artwork_migration.cursors SET last_lead = after_lead, last_id = NULL, finished = false
WHERE partition IN (SELECT partition FROM differing)
  AND partition IN (SELECT partition FROM artwork_migration.cursors WHERE NOT finished);

INSERT INTO artwork_migration.plan (artwork_id, partition, state, reason, merged_into, source_hash, seen_xmin, seen_ctid)
SELECT artwork_id, partition, state, reason, merged_into, source_hash, seen_xmin, seen_ctid FROM differing WHERE is_new ON CONFLICT DO NOTHING;

-- A row that differs is locked first, then changed only if it still is what was judged: a trigger that came between
-- knows better.
DO $$ BEGIN
    PERFORM FROM @old@ a JOIN differing d ON d.artwork_id = a.id
    WHERE NOT d.is_new ORDER BY a.id FOR NO KEY UPDATE OF a;
END $$;
UPDATE artwork_migration.plan p
SET partition = d.partition, state = d.state, reason = d.reason, merged_into = d.merged_into, source_hash = d.source_hash,
    seen_xmin = a.xmin, seen_ctid = a.ctid
FROM differing d JOIN @old@ a ON a.id = d.artwork_id
WHERE NOT d.is_new AND p.artwork_id = d.artwork_id AND artwork_migration.row_hash(artwork_migration.as_source(a)) = d.source_hash
  AND (d.state = 'migrated' OR NOT artwork_migration.is_referenced(d.artwork_id));

DELETE FROM artwork_migration.plan p
WHERE NOT EXISTS (SELECT FROM @old@ a WHERE a.id = p.artwork_id);

-- Before the backfill reads it: without, the first batches are planned as if it were empty.
DO $$ BEGIN
    IF EXISTS (SELECT FROM differing) THEN
        ANALYZE artwork_migration.plan;
    END IF;
END $$;
