-- Archives of tables that were made, and which of them were restored and compared. Changed by stores/archive.py alone.
-- Re-entrant: made where it is missing, left alone where it is there.
CREATE SCHEMA IF NOT EXISTS artwork_migration;

CREATE TABLE IF NOT EXISTS artwork_migration.archives (
    id        text PRIMARY KEY,
    begun_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    by_person text NOT NULL,
    run_id    text NOT NULL,
    -- NULL until everything was restored and compared; what stays so belongs to a run that died.
    proved_at timestamptz,
    -- When the one snapshot of all its tables was taken.
    taken_at  timestamptz,
    -- A line for each table: its name then, its oid, columns, rows, the file, its size and SHA-256.
    tables    jsonb,
    CHECK ((proved_at IS NULL) = (tables IS NULL) AND (proved_at IS NULL) = (taken_at IS NULL))
);
