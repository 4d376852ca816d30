-- Users whose addresses differ only in spelling become one: registered before oldest before lowest id. What pointed
-- at the others points at that one; they are kept, whole, in merged_users. Part of the expansion's transaction.

CREATE TEMP TABLE spelled_alike ON COMMIT DROP AS
WITH alike AS (
    SELECT array_agg(id) AS ids FROM public.users GROUP BY public.normalised_email(email) HAVING count(*) > 1
), ranked AS (
    SELECT u.id, first_value(u.id) OVER (
        PARTITION BY alike.ids
        -- The column is not there the first time: all are registered.
        ORDER BY (to_jsonb(u) ->> 'is_anonymous')::boolean, u.created_at NULLS LAST, u.id) AS keeper
    FROM alike JOIN public.users u ON u.id = ANY (alike.ids)
)
SELECT id, keeper FROM ranked WHERE id <> keeper;
CREATE UNIQUE INDEX ON spelled_alike (id);
ANALYZE spelled_alike;

INSERT INTO artwork_migration.merged_users (id, merged_into, source)
SELECT s.id, s.keeper, '{"is_anonymous": false}' || to_jsonb(u)
FROM spelled_alike s JOIN public.users u ON u.id = s.id;

-- A pointing column without an index is given one: removing a user looks through the whole table otherwise, now
-- for each user that is merged, and for the shop ever after.
@index_pointers@

@repoint_users@
-- Whoever signed up twice while the index was gone: the artworks of the one go to the other on the clean side, too.
UPDATE @clean@ v SET user_id = s.keeper FROM spelled_alike s WHERE v.user_id = s.id;

DELETE FROM public.users u USING spelled_alike s WHERE u.id = s.id;

CREATE UNIQUE INDEX IF NOT EXISTS users_normalised_email ON public.users (public.normalised_email(email));

-- Existing users are registered, those made from now on are anonymous until they register. After all that takes long:
-- from here to the commit nobody reads the users.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'public.users'::regclass
                   AND attname = 'is_anonymous' AND NOT attisdropped) THEN
        ALTER TABLE public.users ADD COLUMN is_anonymous boolean NOT NULL DEFAULT false;
        ALTER TABLE public.users ALTER COLUMN is_anonymous SET DEFAULT true;
        INSERT INTO artwork_migration.made (kind, name) VALUES ('column', 'is_anonymous') ON CONFLICT DO NOTHING;
    END IF;
END $$;
