-- Everything that people hang on a table, as the owner of the table makes it.
CREATE SCHEMA "Odd Schema";
-- Views: quoted, mixed case, options, one upon the other, writable, upon a function of the row type.
CREATE VIEW "Odd Schema"."My View" ("Id", "the name") WITH (security_barrier, check_option = local) AS
    SELECT id, customer_name COLLATE "C" FROM artworks WHERE generation_status IN ('completed', 'pending');
CREATE VIEW "upon it" AS SELECT "Id", upper("the name") AS "THE NAME" FROM "Odd Schema"."My View";
CREATE FUNCTION "Odd Schema".rename() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER "instead" INSTEAD OF UPDATE ON "upon it" FOR EACH ROW EXECUTE FUNCTION "Odd Schema".rename();
GRANT SELECT ON "Odd Schema"."My View" TO authenticated WITH GRANT OPTION;
COMMENT ON VIEW "Odd Schema"."My View" IS 'It''s "odd"';
-- Functions: the row type as an argument, an array of it, a set of it, in a default, bound to the table by its body.
CREATE FUNCTION "Odd Schema"."Of Many"(VARIADIC many artworks[]) RETURNS integer LANGUAGE sql STRICT AS 'SELECT cardinality(many)';
CREATE FUNCTION "Odd Schema".latest(n integer DEFAULT 1) RETURNS SETOF public.artworks LANGUAGE sql STABLE
    SET search_path = '' AS 'SELECT * FROM public.artworks ORDER BY created_at DESC LIMIT n';
CREATE FUNCTION bound() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM artworks WHERE pet_name <> ''; END;
CREATE FUNCTION may_see(one artworks) RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT one.pet_name IS NOT NULL';
CREATE PROCEDURE "Odd Schema"."touch All"(INOUT n bigint) LANGUAGE plpgsql AS $$
    DECLARE one artworks%ROWTYPE; BEGIN SELECT * INTO one FROM artworks WHERE id IS NULL; END $$;
REVOKE EXECUTE ON FUNCTION "Odd Schema".latest FROM PUBLIC;
GRANT EXECUTE ON FUNCTION "Odd Schema".latest TO service_role WITH GRANT OPTION;
COMMENT ON FUNCTION may_see IS 'asked by a policy and by a view';
CREATE VIEW seen AS SELECT id, may_see(artworks.*) AS yes, bound() AS all_of_them FROM artworks;
-- Materialised, with an index, a view upon it, grants.
CREATE MATERIALIZED VIEW per_customer AS SELECT customer_email, count(*) AS n FROM artworks GROUP BY 1;
CREATE UNIQUE INDEX "per Customer" ON per_customer (customer_email);
CREATE VIEW busy AS SELECT * FROM per_customer WHERE n > 1;
GRANT SELECT ON per_customer TO authenticated;
COMMENT ON MATERIALIZED VIEW per_customer IS 'counted';
-- Policies: several roles, restrictive, resting on a function of the row type.
CREATE POLICY "for Several" ON artworks AS RESTRICTIVE FOR SELECT TO authenticated, anon USING (customer_name <> 'nobody');
CREATE POLICY by_function ON artworks FOR UPDATE TO authenticated USING (may_see(artworks.*)) WITH CHECK (pet_name <> '%');
COMMENT ON POLICY by_function ON artworks IS 'rests on a function';
-- Triggers: switched off, deferred.
CREATE TRIGGER "Sleeping" BEFORE INSERT ON artworks FOR EACH ROW EXECUTE FUNCTION touch_updated_at();
ALTER TABLE artworks DISABLE TRIGGER "Sleeping";
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON artworks DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION announce_artwork();
COMMENT ON TRIGGER late ON artworks IS 'at the end';
-- Rules: of the table, and of another one.
CREATE TABLE "Odd Schema".gone (id uuid);
CREATE RULE "write Down" AS ON DELETE TO artworks DO ALSO INSERT INTO "Odd Schema".gone VALUES (OLD.id);
CREATE RULE from_ticket AS ON DELETE TO support_tickets DO ALSO UPDATE artworks SET pet_name = pet_name WHERE id = OLD.artwork_id;
-- Pointers: other schemas, other ON DELETE, deferred, partitioned, to another key, from the table to itself.
CREATE TABLE "Odd Schema"."Notes" ("Art""work" uuid CONSTRAINT "Its Artwork" REFERENCES artworks ON DELETE SET NULL
    DEFERRABLE INITIALLY DEFERRED, opened text REFERENCES artworks (access_token) ON UPDATE CASCADE);
COMMENT ON CONSTRAINT "Its Artwork" ON "Odd Schema"."Notes" IS 'of what';
CREATE TABLE visits (artwork_id uuid REFERENCES artworks ON DELETE RESTRICT, at date NOT NULL) PARTITION BY RANGE (at);
CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
INSERT INTO visits SELECT id, '2025-05-05' FROM artworks WHERE generation_status = 'completed' LIMIT 3;
ALTER TABLE artworks ADD CONSTRAINT "to Itself" FOREIGN KEY (id) REFERENCES artworks (id);
-- Indexes: partial, over an expression, unique, on a column that the clean table lacks.
CREATE INDEX "Some Of Them" ON artworks (customer_email) WHERE generation_status = 'failed';
CREATE INDEX lower_name ON artworks (lower(customer_name));
CREATE UNIQUE INDEX named_once ON artworks (id, customer_name);
CREATE INDEX on_original ON artworks (original_image_url);
-- Grants on columns, one that may be handed on; comments; what is published.
GRANT SELECT (id, pet_name) ON artworks TO anon;
GRANT UPDATE (pet_name) ON artworks TO authenticated WITH GRANT OPTION;
COMMENT ON COLUMN artworks.original_image_url IS 'the clean table has no such column';
ALTER TABLE artworks REPLICA IDENTITY FULL;
