-- How often the application's reads gave something else on the clean side than on the old one: a row for each kind of
-- read and each run. Re-entrant: made where it is missing, left alone where it is there.
CREATE TABLE IF NOT EXISTS artwork_migration.comparisons (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    run_id     text NOT NULL,
    phase      text NOT NULL,
    read       text NOT NULL,
    compared   bigint NOT NULL CHECK (compared >= 0),
    mismatched bigint NOT NULL CHECK (mismatched BETWEEN 0 AND compared),
    -- What differed first, with people's data told by length and hash.
    examples   jsonb NOT NULL DEFAULT '[]'
);
CREATE INDEX IF NOT EXISTS comparisons_at ON artwork_migration.comparisons (at);
