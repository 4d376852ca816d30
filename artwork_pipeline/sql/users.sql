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
