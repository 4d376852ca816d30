-- What the media migration knows beside the ledger: the newest inventory and plan of each category.

create schema if not exists nabo_migration;

create table if not exists nabo_migration.inventory (
    key text primary key,
    category text not null,
    size bigint not null,
    version text not null,
    mime text not null,
    parent text not null,
    name text not null,
    reason text
);
create index if not exists inventory_category on nabo_migration.inventory (category);

create table if not exists nabo_migration.listings (
    category text primary key,
    fingerprint text not null,
    files bigint not null,
    bytes bigint not null,
    whole_fingerprint text not null,
    whole_files bigint not null,
    whole_bytes bigint not null,
    chats_migrated boolean not null,
    scanned_at timestamptz not null default now()
);

create table if not exists nabo_migration.plan_items (
    item text primary key,
    category text not null,
    action text not null,
    reason text,
    size bigint not null,
    version text not null,
    mime text not null,
    bucket text not null,
    stem text not null,
    media_type text not null,
    owner text,
    service text,
    chat_message text,
    alternate_of text,
    over_limit boolean not null
);
create index if not exists plan_items_category on nabo_migration.plan_items (category);
-- Only where they are missing: even `add column if not exists` waits until nobody reads the table, and this script runs
-- at each start, also while another category's plan is being read for hours.
do $$
begin
    if not exists (
        select from information_schema.columns
        where table_schema = 'nabo_migration' and table_name = 'plan_items' and column_name = 'estimated_seconds'
    ) then
        alter table nabo_migration.plan_items
            add column if not exists treatment text not null default '',
            add column if not exists estimated_bytes bigint not null default 0,
            add column if not exists estimated_seconds double precision not null default 0;
    end if;
end
$$;
