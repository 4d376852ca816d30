-- What was read of one category's objects, beside what the ledger said of each at that moment. Of one connection.

create temp table if not exists readings (
    item text collate "C" not null,
    path text collate "C" not null,
    extension text not null,
    mime text not null,
    media_type text not null,
    owner uuid,
    service uuid,
    chat_message uuid,
    row_id uuid,
    created_at timestamptz,
    is_preview_image boolean,
    found boolean not null,
    equal boolean,
    decodes boolean,
    sniffed text
);
create temp table if not exists stray_rows (id uuid primary key, path text collate "C" not null);
create temp table if not exists unexplained (path text collate "C" primary key, in_our_folder boolean not null,
    has_our_row boolean not null);
truncate readings, stray_rows, unexplained;
