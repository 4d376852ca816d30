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

INSERT INTO artwork_migration.plan SELECT * FROM proposed ON CONFLICT DO NOTHING;

-- A row that differs is locked first, then changed only if it still is what was judged: a trigger that came between
-- knows better.
CREATE TEMP TABLE differing ON COMMIT DROP AS
SELECT proposed.* FROM proposed JOIN artwork_migration.plan p USING (artwork_id) WHERE p *<> proposed;
DO $$ BEGIN
    PERFORM FROM public.artworks a JOIN differing d ON d.artwork_id = a.id ORDER BY a.id FOR NO KEY UPDATE OF a;
END $$;
UPDATE artwork_migration.plan p
SET partition = d.partition, state = d.state, reason = d.reason, merged_into = d.merged_into, source_hash = d.source_hash
FROM differing d JOIN public.artworks a ON a.id = d.artwork_id
WHERE p.artwork_id = d.artwork_id AND artwork_migration.row_hash(artwork_migration.as_source(a)) = d.source_hash
  AND (d.state = 'migrated' OR NOT artwork_migration.is_referenced(d.artwork_id));

DELETE FROM artwork_migration.plan p
WHERE NOT EXISTS (SELECT FROM public.artworks a WHERE a.id = p.artwork_id);
