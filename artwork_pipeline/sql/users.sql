-- The users of all customers with an artwork, in a step of its own that is committed before the backfill: making
-- them inside the backfill would deadlock with customers who sign up. Returns how many were made.
CREATE OR REPLACE FUNCTION artwork_migration.create_users() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    made bigint;
BEGIN
    WITH new AS (
        INSERT INTO public.users (email, is_anonymous)
        SELECT DISTINCT address, true
        FROM artwork_migration.plan p JOIN @old@ a ON a.id = p.artwork_id
             CROSS JOIN LATERAL public.normalised_email(a.customer_email) AS address
        WHERE p.state = 'migrated' AND a.user_id IS NULL AND address <> ''
          AND NOT EXISTS (SELECT FROM public.users u WHERE public.normalised_email(u.email) = address)
        ORDER BY address
        ON CONFLICT DO NOTHING
        RETURNING *
    )
    INSERT INTO artwork_migration.made_users (id, source) SELECT id, to_jsonb(new) FROM new;
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END $$;

-- How many rows of a slice wait for a user that is not there: the backfill makes none.
CREATE OR REPLACE FUNCTION artwork_migration.rows_without_user(wanted text) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM (
        -- OFFSET 0: addresses are put into their one form for the rows that are left, not for the whole table.
        SELECT a.customer_email FROM artwork_migration.plan p JOIN @old@ a ON a.id = p.artwork_id
        WHERE p.partition = wanted AND p.state = 'migrated' AND a.user_id IS NULL
          AND NOT EXISTS (SELECT FROM artwork_migration.outcomes o WHERE o.item = a.id::text AND o.state = 'migrated')
        OFFSET 0
    ) AS to_fill
    CROSS JOIN LATERAL (SELECT public.normalised_email(customer_email) AS email OFFSET 0) AS customer
    -- LIMIT 1 makes it a look into the index for each row; a join would normalise every user's address.
    WHERE email <> ''
      AND (SELECT u.id FROM public.users u WHERE public.normalised_email(u.email) = customer.email LIMIT 1) IS NULL
$$;
