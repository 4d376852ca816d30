-- The evidence of who reads the old table after the switch: samples of what PostgreSQL counts, and a table for our own.
-- Re-entrant: made where it is missing, left alone where it is there.

-- Empty for ever. Each of our own scans of the old table is followed by one of this: PostgreSQL counts both in the same
-- place and at the same time, loses both together, and what is left over on the old table is somebody else's.
CREATE TABLE IF NOT EXISTS artwork_migration.own_scans (nothing boolean CHECK (nothing IS NULL));

CREATE TABLE IF NOT EXISTS artwork_migration.reads (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at           timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Of which switch, and how long after it by the clock of then.
    transition   bigint NOT NULL REFERENCES artwork_migration.transitions (id),
    since_switch interval NOT NULL,
    -- Scans by oid: of the old table itself, of each of its indexes; and ours of both.
    scans        jsonb NOT NULL,
    own_scans    bigint NOT NULL,
    -- When the server's statistics were reset, and whether they are kept at all: otherwise the evidence is lost.
    statistics   jsonb NOT NULL,
    -- A person said that everything is to be counted from here on, and why.
    begun_anew   text,
    run_id       text NOT NULL
);
