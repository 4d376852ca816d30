-- One form for each e-mail address: NFKC, no invisible characters, trimmed, lower case.
-- The specification is artwork_pipeline/artworks/emails.py; tests hold both equal.
-- In the schema public because the unique index on users rests on it and outlives the migration.
CREATE OR REPLACE FUNCTION public.normalised_email(email text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(email) = char_length(email)
    -- ASCII alone, as nearly all are: NFKC leaves it as it is, and there is no other white space to take away.
    THEN lower(btrim(email, U&'\0020\0009\000A\000B\000C\000D\001C\001D\001E\001F') COLLATE "C") COLLATE "default"
    ELSE normalize(
        translate(
            lower(
                replace(
                    btrim(translate(normalize(email, NFKC), U&'\200B\200C\200D\2060\FEFF', ''),
                          U&'\0020\0009\000A\000B\000C\000D\001C\001D\001E\001F\0085\00A0\1680\2028\2029'),
                    -- Collations disagree about the capital dotted I alone.
                    U&'\0130', U&'i\0307')
                COLLATE @lower_collation@),
            U&'\03C2', U&'\03C3'),
        NFKC) COLLATE "default" END
$$;

-- SHA-256 of a row's binary form: types and NULLs count, the session's time zone does not.
CREATE OR REPLACE FUNCTION artwork_migration.row_hash(anything anyelement) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$ SELECT encode(sha256(record_send(anything)), 'hex') $$;

-- A text in a JSON document, if it is one and not empty.
CREATE OR REPLACE FUNCTION artwork_migration.json_text(document jsonb, key text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN jsonb_typeof(document -> key) = 'string' THEN NULLIF(document ->> key, '') END
$$;
