-- What the migration knows, beside the ledger's own tables, in the schema artwork_migration.
-- Re-entrant: made where it is missing, left alone where it is there.

CREATE SCHEMA IF NOT EXISTS artwork_migration;

-- A row of the old table in whatever dialect: columns that a dialect lacks are NULL.
DO $$ BEGIN
    IF to_regtype('artwork_migration.source_row') IS NULL THEN
        CREATE TYPE artwork_migration.source_row AS (@source_columns@);
    END IF;
END $$;

-- The plan: what is to become of each row of the old table. Forward triggers keep it current from the expansion on.
CREATE TABLE IF NOT EXISTS artwork_migration.plan (
    artwork_id  uuid PRIMARY KEY,
    partition   text NOT NULL,
    state       text NOT NULL CHECK (state IN ('migrated', 'merged', 'quarantined')),
    reason      text CHECK ((reason IS NOT NULL) = (state = 'quarantined')),
    merged_into uuid CHECK ((merged_into IS NOT NULL) = (state = 'merged')),
    source_hash text NOT NULL,
    -- Which version of the row was judged: as long as it is that one, its content need not be hashed again.
    seen_xmin   xid,
    seen_ctid   tid
);
-- The order of the backfill: a twin beside its survivor, so that both are in one batch.
CREATE INDEX IF NOT EXISTS plan_partition_lead
    ON artwork_migration.plan (partition, (COALESCE(merged_into, artwork_id)), artwork_id);
CREATE INDEX IF NOT EXISTS plan_merged_into ON artwork_migration.plan (merged_into) WHERE merged_into IS NOT NULL;

-- How far the backfill of a slice is; moves in the same transaction as the rows. A slice is cut into as many parts as
-- there are workers, by the ids in whose place rows stand: a twin's is that of its survivor.
CREATE TABLE IF NOT EXISTS artwork_migration.cursors (
    partition  text NOT NULL,
    part       integer NOT NULL DEFAULT 1,
    -- Behind the first and up to the last, that included. NULL: from the beginning.
    after_lead uuid,
    until_lead uuid NOT NULL DEFAULT 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    last_lead  uuid,
    last_id    uuid,
    finished   boolean NOT NULL DEFAULT false,
    run_id     text NOT NULL,
    moved_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (partition, part)
);

-- Tokens made for rows without one: made once, kept for ever after.
CREATE TABLE IF NOT EXISTS artwork_migration.issued_tokens (
    artwork_id   uuid PRIMARY KEY,
    access_token text NOT NULL,
    issued_at    timestamptz NOT NULL DEFAULT now()
);

-- Rows that the clean table does not get, whole: nothing is deleted.
CREATE TABLE IF NOT EXISTS artwork_migration.set_aside (
    artwork_id uuid PRIMARY KEY,
    state      text NOT NULL CHECK (state IN ('merged', 'quarantined')),
    reason     text,
    source     artwork_migration.source_row NOT NULL
);

-- Users that were one person under several spellings of an address, as they were.
CREATE TABLE IF NOT EXISTS artwork_migration.merged_users (
    id          uuid PRIMARY KEY,
    merged_into uuid NOT NULL,
    source      jsonb NOT NULL,
    merged_at   timestamptz NOT NULL DEFAULT now()
);

-- What pointed at them: the rows by their primary key, or whole where they have none. For the way back.
CREATE TABLE IF NOT EXISTS artwork_migration.repointed (
    relation    text NOT NULL,
    column_name text NOT NULL,
    row_key     jsonb NOT NULL,
    was         uuid NOT NULL,
    became      uuid NOT NULL
);

-- Users that the migration made for customers' addresses, as it made them.
CREATE TABLE IF NOT EXISTS artwork_migration.made_users (
    id     uuid PRIMARY KEY,
    source jsonb NOT NULL
);

-- What else the expansion made in tables that were there before: columns and indexes.
CREATE TABLE IF NOT EXISTS artwork_migration.made (
    kind text NOT NULL CHECK (kind IN ('column', 'index')),
    name text NOT NULL,
    PRIMARY KEY (kind, name)
);

-- What was installed, by a fingerprint of its text: an unchanged installation is not made again.
CREATE TABLE IF NOT EXISTS artwork_migration.installation (
    part         text PRIMARY KEY,
    fingerprint  text NOT NULL,
    run_id       text NOT NULL,
    installed_at timestamptz NOT NULL DEFAULT now()
);

-- Customers who are served by one of the two tables, whichever is called artworks; by the address in its one form.
CREATE TABLE IF NOT EXISTS artwork_migration.routing (
    email     text PRIMARY KEY CHECK (email <> ''),
    version   text NOT NULL CHECK (version IN ('v1', 'v2')),
    by_person text NOT NULL,
    at        timestamptz NOT NULL DEFAULT clock_timestamp()
);
