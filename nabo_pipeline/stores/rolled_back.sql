-- What was taken back, for good: an outcome that stands no more is kept here as it was.
-- A record without finished_at is one whose row is gone and whose object may still stand: its run was lost in between,
-- and the next one finishes it.

create table if not exists nabo_migration.rolled_back (
    id bigint generated always as identity primary key,
    item text not null,
    partition text not null,
    run_id text not null,
    began_at timestamptz not null default now(),
    finished_at timestamptz,
    row_done text not null,
    object_done text not null,
    outcome jsonb not null
);
create unique index if not exists rolled_back_begun on nabo_migration.rolled_back (item) where finished_at is null;
create index if not exists rolled_back_partition on nabo_migration.rolled_back (partition, finished_at);
