-- Where the migration stands, and how it came there. Changed by nothing but stores/phase.py.
-- Re-entrant: made where it is missing, left alone where it is there.

CREATE TABLE IF NOT EXISTS artwork_migration.phase (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    phase    text NOT NULL DEFAULT 'planned'
        CHECK (phase IN ('planned', 'expanded', 'switched', 'rolled_back', 'cleaned')),
    since    timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO artwork_migration.phase DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS artwork_migration.transitions (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    from_phase  text NOT NULL,
    to_phase    text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_person   text NOT NULL,
    run_id      text NOT NULL,
    -- How long it took, and for how long of that nobody could read or write.
    seconds     double precision,
    blocking_ms double precision,
    details     jsonb NOT NULL DEFAULT '{}'
);
