-- The slices are months of creation (UTC) with two open ends. The specification is artwork_pipeline/artworks/months.py.
-- Each way of cutting has these same functions; which one is installed is what slicing() says.

CREATE OR REPLACE FUNCTION artwork_migration.slicing() RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT @slicing@ $$;

CREATE OR REPLACE FUNCTION artwork_migration.slice_of(id uuid, created_at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN created_at IS NULL OR created_at >= @end@ THEN @later_or_undated@
                WHEN created_at < @first_month@ THEN @earlier@
                ELSE to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM') END
$$;

-- The same the other way round, for a look at one slice: from when on, and until before when. Rows without a date
-- are in the slice without an end.
CREATE OR REPLACE FUNCTION artwork_migration.slice_named(
    wanted text, OUT first_moment timestamptz, OUT end_before timestamptz, OUT bucket integer
) LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    SELECT b.first_moment::timestamptz, b.end_before::timestamptz INTO STRICT first_moment, end_before
    FROM (VALUES @bounds@) AS b (slice, first_moment, end_before) WHERE b.slice = wanted;
EXCEPTION WHEN no_data_found THEN
    RAISE EXCEPTION 'the rows are cut into slices by %, and none of them is %', artwork_migration.slicing(), wanted;
END $$;

CREATE OR REPLACE FUNCTION artwork_migration.is_within(
    id uuid, created_at timestamptz, first_moment timestamptz, end_before timestamptz, bucket integer
) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT created_at >= first_moment AND (created_at < end_before OR end_before IS NULL)
        OR created_at IS NULL AND end_before IS NULL
$$;
