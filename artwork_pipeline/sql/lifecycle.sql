-- What the application calls to make an artwork and to lead it through its life, and the trigger that keeps every row
-- of the clean table in form, whoever writes it. The specification is artwork_pipeline/artworks/lifecycle.py.
--
-- All of it stays when the migration is over: no table of the migration's own schema is needed. What calls into the
-- installation's own triggers looks names up in public, as those do; everything of ours is qualified, and operators stand
-- between two known types: for a literal without one, an operator that somebody put into public would be the nearer match.

-- The user with an address in its one form: found, or made. Any number of sessions may ask for one address at once.
CREATE OR REPLACE FUNCTION public.artwork_user(address text) RETURNS uuid
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    one uuid;
BEGIN
    -- Again, if the user that another session made or had is deleted between two looks.
    FOR attempt IN 1..10 LOOP
        -- FOR KEY SHARE: who is found is there until the artwork that names them is committed.
        SELECT u.id INTO one FROM public.users u WHERE public.normalised_email(u.email) = address FOR KEY SHARE;
        EXIT WHEN FOUND;
        INSERT INTO public.users (email, is_anonymous) VALUES (address, true) ON CONFLICT DO NOTHING RETURNING id INTO one;
        EXIT WHEN FOUND;
    END LOOP;
    IF one IS NULL THEN
        RAISE EXCEPTION 'the user of an artwork can neither be found nor made'
            USING ERRCODE = '55000', HINT = 'Look for a trigger or a rule on public.users that swallows new rows.';
    END IF;
    RETURN one;
END $$;

-- Before a row is written: the address in its one form, its user, the token, the time stamps of the phases.
CREATE OR REPLACE FUNCTION public.artworks_in_form() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    is_new boolean := TG_OP = 'INSERT';
    other_customer boolean := is_new;
    was @clean@;
BEGIN
    IF is_new THEN
        -- A column that the writer names with NULL has no default of its own.
        NEW.id := COALESCE(NEW.id, gen_random_uuid());
        NEW.generation_status := COALESCE(NEW.generation_status, 'pending');
        NEW.upscale_status := COALESCE(NEW.upscale_status, 'not_started');
        NEW.access_token := COALESCE(NEW.access_token, encode(sha256(
            uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'));
        NEW.token_expires_at := COALESCE(NEW.token_expires_at, now() + interval '720 hours');
        NEW.created_at := COALESCE(NEW.created_at, now());
        NEW.updated_at := COALESCE(NEW.updated_at, now());
        was.generation_status := 'pending';
        was.upscale_status := 'not_started';
    ELSE
        was := OLD;
        NEW.updated_at := now();
    END IF;
    IF NEW.customer_email IS DISTINCT FROM was.customer_email THEN
        NEW.customer_email := public.normalised_email(NEW.customer_email);
        IF NEW.customer_email = '' THEN
            RAISE EXCEPTION 'an artwork needs the e-mail address of its customer' USING ERRCODE = '23514', COLUMN = 'customer_email';
        END IF;
        other_customer := NEW.customer_email IS DISTINCT FROM was.customer_email;
    END IF;
    -- Another customer, another user. That a user is deleted changes no address, and makes nobody anew.
    IF other_customer AND NEW.customer_email IS NOT NULL AND NEW.user_id IS NOT DISTINCT FROM was.user_id THEN
        NEW.user_id := public.artwork_user(NEW.customer_email);
    END IF;

    -- A state that stays keeps its stamps; a new attempt forgets those of the one before; a stamp that the writer
    -- names is taken as it is.
    IF NEW.generation_status IS DISTINCT FROM was.generation_status THEN
        IF NEW.generation_started_at IS NOT DISTINCT FROM was.generation_started_at THEN
            NEW.generation_started_at := CASE NEW.generation_status WHEN 'processing' THEN now() WHEN 'pending' THEN NULL
                                         ELSE was.generation_started_at END;
        END IF;
        IF NEW.generation_completed_at IS NOT DISTINCT FROM was.generation_completed_at THEN
            NEW.generation_completed_at := CASE NEW.generation_status WHEN 'completed' THEN now() END;
        END IF;
    END IF;
    IF NEW.upscale_status IS DISTINCT FROM was.upscale_status THEN
        IF NEW.upscale_started_at IS NOT DISTINCT FROM was.upscale_started_at THEN
            NEW.upscale_started_at := CASE WHEN NEW.upscale_status = 'processing' THEN now()
                                           WHEN NEW.upscale_status IN ('pending', 'not_started') THEN NULL
                                           ELSE was.upscale_started_at END;
        END IF;
        IF NEW.upscale_completed_at IS NOT DISTINCT FROM was.upscale_completed_at THEN
            NEW.upscale_completed_at := CASE NEW.upscale_status WHEN 'completed' THEN now() END;
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- A new artwork, with its token (64 hexadecimal digits, 30 days) and the user of its customer.
CREATE OR REPLACE FUNCTION public.create_artwork(
    customer_name text, customer_email text, pet_name text, pet_mom_image_url text, pet_image_url text
) RETURNS @clean@
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    made @clean@;
    address text := public.normalised_email(create_artwork.customer_email);
    wrong text := CASE
        WHEN COALESCE(btrim(create_artwork.customer_name), '') = '' THEN 'customer_name'
        -- chr(64) parts an address in two; whatever is finer is the mail server's to refuse.
        WHEN address IS NULL OR length(address) > 320 OR address !~ ('^[^[:space:]' || chr(64) || ']+' || chr(64)
                                                                     || '[^[:space:]' || chr(64) || ']+$')
            THEN 'customer_email'
        WHEN COALESCE(btrim(create_artwork.pet_mom_image_url), '') = '' THEN 'pet_mom_image_url'
        WHEN COALESCE(btrim(create_artwork.pet_image_url), '') = '' THEN 'pet_image_url' END;
BEGIN
    IF wrong IS NOT NULL THEN
        -- The value stays untold: messages end in logs.
        RAISE EXCEPTION 'create_artwork: % is missing or is none', wrong
            USING ERRCODE = '22023', COLUMN = wrong,
                  HINT = 'A new artwork has a customer with an e-mail address, and both pictures.';
    END IF;
    INSERT INTO @clean@ (customer_name, customer_email, pet_name, pet_mom_image_url, pet_image_url)
    VALUES (create_artwork.customer_name, address, create_artwork.pet_name, create_artwork.pet_mom_image_url,
            create_artwork.pet_image_url)
    RETURNING * INTO made;
    RETURN made;
END $$;

-- Lead an artwork on. `changes` names what is to be changed; stamps are set by themselves. A change that is refused
-- changes nothing: SQLSTATE 22023 for what is no change at all, 55000 for one that the artwork's state does not allow,
-- P0002 for an artwork that is not there.
CREATE OR REPLACE FUNCTION public.update_artwork_lifecycle(id uuid, changes jsonb, force boolean DEFAULT false) RETURNS @clean@
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    wanted constant uuid := update_artwork_lifecycle.id;
    known constant jsonb := @changes@;
    next_states constant jsonb := @steps@;
    was @clean@;
    becomes @clean@;
    each record;
BEGIN
    IF jsonb_typeof(changes) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION 'changes: a JSON object is needed, not %', COALESCE(jsonb_typeof(changes), 'NULL')
            USING ERRCODE = '22023', HINT = 'For example {"generation_status": "processing"}.';
    END IF;
    FOR each IN
        SELECT c.key, c.value, CASE WHEN btrim(c.value #>> '{}'::text[]) = '' THEN 'empty' ELSE jsonb_typeof(c.value) END AS kind
        FROM jsonb_each(changes) AS c ORDER BY c.key
    LOOP
        IF NOT known ? each.key THEN
            RAISE EXCEPTION 'changes: % is nothing that can be changed here', quote_literal(left(each.key, 63))
                USING ERRCODE = '22023', HINT = 'What can: ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(known) AS k);
        ELSIF NOT known -> each.key ? each.kind THEN
            RAISE EXCEPTION 'changes: % is %, and needs to be a JSON %', each.key, each.kind,
                    (SELECT string_agg(k, ' or ') FROM jsonb_array_elements_text(known -> each.key) AS k)
                USING ERRCODE = '22023', HINT = 'Leave out what is not to be changed.';
        ELSIF next_states ? each.key AND NOT next_states -> each.key ? (each.value #>> '{}'::text[]) THEN
            RAISE EXCEPTION 'changes: % has no state %', each.key, quote_literal(left(each.value #>> '{}'::text[], 63))
                USING ERRCODE = '22023', HINT = 'States: ' || (SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(next_states -> each.key) AS k);
        END IF;
    END LOOP;

    @reach@
    SELECT v.* INTO was FROM @clean@ v WHERE v.id = wanted FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no artwork %', COALESCE(wanted::text, 'NULL') USING ERRCODE = 'P0002';
    END IF;
    becomes := was;
    becomes.generation_status := COALESCE(changes ->> text 'generation_status', was.generation_status);
    becomes.generated_image_url := COALESCE(changes ->> text 'generated_image_url', was.generated_image_url);
    becomes.upscale_status := COALESCE(changes ->> text 'upscale_status', was.upscale_status);
    becomes.upscaled_image_url := COALESCE(changes ->> text 'upscaled_image_url', was.upscaled_image_url);
    becomes.mockup_urls := COALESCE(changes -> text 'mockup_urls', was.mockup_urls);
    becomes.fal_request_id := COALESCE(changes ->> text 'fal_request_id', was.fal_request_id);
    becomes.generation_params := COALESCE(changes -> text 'generation_params', was.generation_params);
    IF becomes.mockup_urls IS DISTINCT FROM was.mockup_urls THEN
        becomes.mockup_generated_at := now();
    END IF;

    FOR each IN
        SELECT * FROM (VALUES
            ('generation_status', was.generation_status, becomes.generation_status, 'generated_image_url', becomes.generated_image_url),
            ('upscale_status', was.upscale_status, becomes.upscale_status, 'upscaled_image_url', becomes.upscaled_image_url)
        ) AS phases (name, was, becomes, url_name, url)
        WHERE phases.was <> phases.becomes
    LOOP
        IF NOT COALESCE(force, false) AND NOT next_states -> each.name -> each.was ? each.becomes THEN
            RAISE EXCEPTION 'artwork %: % cannot go from % to %', wanted, each.name, each.was, each.becomes
                USING ERRCODE = '55000', HINT = COALESCE('From there: ' || (
                    SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_array_elements_text(next_states -> each.name -> each.was) AS k
                ), 'Nothing leaves it by itself') || '; force is for a person who knows why.';
        ELSIF each.becomes = 'completed' AND COALESCE(each.url, '') = '' THEN
            RAISE EXCEPTION 'artwork %: % cannot be completed without %', wanted, each.name, each.url_name
                USING ERRCODE = '55000', HINT = 'Name the picture in the same call.';
        ELSIF each.name = 'upscale_status' AND each.becomes <> 'not_started' AND becomes.generation_status <> 'completed' THEN
            RAISE EXCEPTION 'artwork %: upscale_status cannot be % while the generation is %', wanted, each.becomes,
                    becomes.generation_status
                USING ERRCODE = '55000', HINT = 'A picture is upscaled once its generation is completed.';
        END IF;
    END LOOP;

    -- Nothing new is written as nothing: the stamps stay, and so does updated_at.
    IF becomes OPERATOR(pg_catalog.*<>) was THEN
        UPDATE @clean@ v SET
            generation_status = becomes.generation_status, generated_image_url = becomes.generated_image_url,
            upscale_status = becomes.upscale_status, upscaled_image_url = becomes.upscaled_image_url,
            mockup_urls = becomes.mockup_urls, mockup_generated_at = becomes.mockup_generated_at,
            fal_request_id = becomes.fal_request_id, generation_params = becomes.generation_params
        WHERE v.id = wanted RETURNING v.* INTO was;
    END IF;
    RETURN was;
END $$;
