-- The slices are buckets by the rows' ids. The specification is artwork_pipeline/artworks/slices.py.
-- Each way of cutting has these same functions; which one is installed is what slicing() says.

CREATE OR REPLACE FUNCTION artwork_migration.slicing() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT @slicing@ $$;

CREATE OR REPLACE FUNCTION artwork_migration.bucket_of(id uuid) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (((get_byte(uuid_send(id), 2) # get_byte(uuid_send(id), 14)) << 8)
            | (get_byte(uuid_send(id), 3) # get_byte(uuid_send(id), 15))) % @buckets@
$$;

CREATE OR REPLACE FUNCTION artwork_migration.slice_of(id uuid, created_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT 'bucket-' || lpad(artwork_migration.bucket_of(id)::text, 3, '0') $$;

-- The same the other way round, for a look at one slice.
CREATE OR REPLACE FUNCTION artwork_migration.slice_named(
    wanted text, OUT first_moment timestamptz, OUT end_before timestamptz, OUT bucket integer
) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    bucket := substring(wanted FROM '^bucket-(\d{3})$')::integer;
    IF bucket IS NULL OR bucket >= @buckets@ THEN
        RAISE EXCEPTION 'the rows are cut into slices by %, and none of them is %', artwork_migration.slicing(), wanted;
    END IF;
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.is_within(
    id uuid, created_at timestamptz, first_moment timestamptz, end_before timestamptz, bucket integer
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT artwork_migration.bucket_of(id) = bucket $$;
