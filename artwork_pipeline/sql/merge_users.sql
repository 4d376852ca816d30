-- Users whose addresses differ only in spelling become one: registered before oldest before lowest id. What pointed
-- at the others points at that one; they are kept, whole, in merged_users. Part of the expansion's transaction.

CREATE TEMP TABLE spelled_alike ON COMMIT DROP AS
SELECT id, first_value(id) OVER (PARTITION BY public.normalised_email(email)
                                 ORDER BY is_anonymous, created_at NULLS LAST, id) AS keeper
FROM public.users;
DELETE FROM spelled_alike WHERE id = keeper;
CREATE UNIQUE INDEX ON spelled_alike (id);
ANALYZE spelled_alike;

INSERT INTO artwork_migration.merged_users (id, merged_into, source)
SELECT s.id, s.keeper, to_jsonb(u) FROM spelled_alike s JOIN public.users u ON u.id = s.id;

-- A pointing column without an index is given one: removing a user looks through the whole table otherwise, now
-- for each user that is merged, and for the shop ever after.
@index_pointers@

@repoint_users@
-- Whoever signed up twice while the index was gone: the artworks of the one go to the other on the clean side, too.
UPDATE @clean@ v SET user_id = s.keeper FROM spelled_alike s WHERE v.user_id = s.id;

DELETE FROM public.users u USING spelled_alike s WHERE u.id = s.id;

CREATE UNIQUE INDEX IF NOT EXISTS users_normalised_email ON public.users (public.normalised_email(email));
