"""The migration as it was planned at first: its SQL, kept to show what each of its flaws does to real rows."""

CLEAN_TABLE = """
    CREATE TABLE artworks_v2 (
        id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
        user_id           uuid REFERENCES users (id) ON DELETE CASCADE,
        customer_name     text NOT NULL,
        customer_email    text NOT NULL,
        pet_name          text,
        pet_mom_image_url text NOT NULL,
        pet_image_url     text NOT NULL,
        generated_image_url text,
        generation_status text NOT NULL DEFAULT 'pending',
        access_token      text NOT NULL UNIQUE DEFAULT encode(sha256(uuid_send(gen_random_uuid())), 'hex'),
        token_expires_at  timestamptz NOT NULL DEFAULT now() + interval '30 days',
        created_at        timestamptz DEFAULT now()
    )
"""
USERS = """
    ALTER TABLE users ADD COLUMN IF NOT EXISTS is_anonymous boolean DEFAULT true;
    INSERT INTO users (email, is_anonymous)
    SELECT DISTINCT lower(trim(customer_email)), true FROM artworks ON CONFLICT (email) DO NOTHING
"""
REAL_ROWS = """
    original_image_url NOT LIKE 'test-%' AND original_pet_url NOT LIKE '%localhost%'
    AND access_token NOT LIKE 'test-token-%'
"""
_COPY = """
    INSERT INTO artworks_v2 ({id}user_id, customer_name, customer_email, pet_name, pet_mom_image_url, pet_image_url,
                             generated_image_url, generation_status, access_token, created_at)
    SELECT {id}u.id, customer_name, customer_email, pet_name, COALESCE(original_pet_mom_url, 'migrated-missing'),
           COALESCE(original_pet_url, 'migrated-missing'), generated_image_url, COALESCE(generation_status, 'pending'),
           COALESCE(access_token, encode(sha256(uuid_send(gen_random_uuid())), 'hex')), a.created_at
    FROM artworks a JOIN users u ON u.email = lower(trim(a.customer_email))
    WHERE {rows}
"""
RENUMBERED = _COPY.format(id="", rows=REAL_ROWS)
"""As planned: new ids, and the comparisons that NULL is no answer to."""
COPY = _COPY.replace("SELECT {id}", "SELECT a.id, ").format(id="id, ", rows="true")
"""With ids and rows kept, so that the other flaws are seen by themselves."""
COPY_AGAIN = f"{COPY} ON CONFLICT (id) DO UPDATE SET pet_name = excluded.pet_name"
FINISHED_ONLY = _COPY.replace("SELECT {id}", "SELECT a.id, ").format(
    id="id, ", rows="generation_status = 'completed'"
)
FORWARD = """
    CREATE FUNCTION plan_forward() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'DELETE' THEN
            DELETE FROM artworks_v2 WHERE id = OLD.id;
        ELSE
            INSERT INTO artworks_v2 (id, customer_name, customer_email, pet_name, pet_mom_image_url, pet_image_url)
            VALUES (NEW.id, NEW.customer_name, NEW.customer_email, NEW.pet_name, 'migrated-missing', 'migrated-missing')
            ON CONFLICT (id) DO UPDATE SET pet_name = excluded.pet_name;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER plan_forward AFTER INSERT OR UPDATE OR DELETE ON artworks
        FOR EACH ROW EXECUTE FUNCTION plan_forward()
"""
RENAMES = ("ALTER TABLE artworks RENAME TO artworks_old", "ALTER TABLE artworks_v2 RENAME TO artworks")
ROLL_BACK = ("ALTER TABLE artworks RENAME TO artworks_v2", "ALTER TABLE artworks_old RENAME TO artworks")
CLEAN_UP = "DROP TABLE artworks_old CASCADE"
