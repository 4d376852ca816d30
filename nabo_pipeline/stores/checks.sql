-- What the newest validation of each category found: one row for each picture, gallery, avatar and unexplained object.
-- A check that is null was not to be asked: of an object that is missing, nothing else is said.

create table if not exists nabo_migration.picture_checks (
    category text not null,
    subject text not null,
    in_ledger boolean not null,
    object_found boolean,
    object_equals_ledger boolean,
    object_decodes boolean,
    content_type_fits boolean,
    row_found boolean,
    row_equals_ledger boolean,
    row_is_only_one boolean,
    parents_exist boolean,
    owner_fits boolean
);
create index if not exists picture_checks_category on nabo_migration.picture_checks (category);

create table if not exists nabo_migration.gallery_checks (
    category text not null,
    service text not null,
    previews bigint not null,
    preview_comes_first boolean not null,
    created_at_increases boolean not null
);
create index if not exists gallery_checks_category on nabo_migration.gallery_checks (category);

create table if not exists nabo_migration.avatar_checks (
    category text not null,
    owner text not null,
    avatars bigint not null
);
create index if not exists avatar_checks_category on nabo_migration.avatar_checks (category);

create table if not exists nabo_migration.objects_of_others (
    category text not null,
    object text not null,
    created_at timestamptz,
    explained boolean not null
);
create index if not exists objects_of_others_category on nabo_migration.objects_of_others (category);
