-- What hangs on the artworks in the field: triggers, policies, views, functions, grants, an index, a publication, and a
-- table that points at them without saying so. Whoever renames the table has all of it to take along.

CREATE FUNCTION touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;
CREATE TRIGGER artworks_touch BEFORE UPDATE ON artworks FOR EACH ROW EXECUTE FUNCTION touch_updated_at();

-- The workers that make the pictures listen.
CREATE FUNCTION announce_artwork() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('artworks', NEW.id || ' ' || NEW.generation_status);
    RETURN NULL;
END $$;
CREATE TRIGGER artworks_announce AFTER UPDATE ON artworks FOR EACH ROW
    WHEN (NEW.generation_status IS DISTINCT FROM OLD.generation_status) EXECUTE FUNCTION announce_artwork();

COMMENT ON TABLE artworks IS 'Pictures that customers ordered of their pets.';
COMMENT ON COLUMN artworks.access_token IS 'Opens the artwork from the e-mail to its customer.';
CREATE INDEX artworks_created_at ON artworks (created_at);

-- The support desk writes down which artwork a customer asks about; nobody declared a foreign key.
CREATE TABLE support_tickets (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    artwork_id uuid,
    subject    text NOT NULL,
    created_at timestamptz DEFAULT now()
);
CREATE INDEX support_tickets_artwork_id ON support_tickets (artwork_id);

CREATE VIEW paid_artworks AS
    SELECT artworks.id, artworks.customer_email, orders.order_status
    FROM artworks JOIN orders ON orders.artwork_id = artworks.id
    WHERE orders.order_status IN ('paid', 'processing', 'shipped', 'delivered');
CREATE VIEW paid_artworks_of_customers AS
    SELECT customer_email, count(*) AS artworks FROM paid_artworks GROUP BY customer_email;

CREATE FUNCTION find_artwork_by_token(token text) RETURNS SETOF artworks LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY SELECT * FROM artworks WHERE access_token = token AND token_expires_at > now();
END $$;
CREATE FUNCTION artworks_in_work() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM artworks WHERE generation_status = 'pending'
$$;
CREATE FUNCTION has_picture(artwork artworks) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT artwork.generated_image_url IS NOT NULL
$$;

-- A policy of its own, and one of another table that looks into it.
ALTER TABLE artworks ENABLE ROW LEVEL SECURITY;
CREATE POLICY artworks_of_their_user ON artworks FOR SELECT
    USING (user_id::text = current_setting('request.jwt.claim.sub', true));
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY orders_of_their_user ON orders FOR SELECT
    USING (EXISTS (SELECT FROM artworks WHERE artworks.id = orders.artwork_id
                   AND artworks.user_id::text = current_setting('request.jwt.claim.sub', true)));

-- The roles of Supabase, on a server that has them.
DO $$ BEGIN
    IF (SELECT count(*) FROM pg_roles WHERE rolname IN ('anon', 'authenticated', 'service_role')) = 3 THEN
        GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
        GRANT SELECT ON artworks, orders, paid_artworks TO authenticated;
        GRANT UPDATE (pet_name) ON artworks TO authenticated;
        GRANT ALL ON artworks, users, orders, order_status_history, admin_reviews, support_tickets TO service_role;
        REVOKE EXECUTE ON FUNCTION find_artwork_by_token(text) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION find_artwork_by_token(text) TO anon, service_role;
        CREATE POLICY artworks_of_the_service ON artworks TO service_role USING (true) WITH CHECK (true);
        CREATE POLICY artworks_named_by_their_user ON artworks FOR UPDATE TO authenticated
            USING (user_id::text = current_setting('request.jwt.claim.sub', true));
    END IF;
END $$;

-- What a page that shows changes at once subscribes to; Supabase's databases are made with one that is empty.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_publication WHERE pubname = 'supabase_realtime') THEN
        CREATE PUBLICATION supabase_realtime;
    END IF;
    ALTER PUBLICATION supabase_realtime ADD TABLE artworks, orders;
END $$;
