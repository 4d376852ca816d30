-- The clean schema beside the old one. Run in one transaction, under a lock_timeout, after LOCK TABLE of all the
-- tables it touches. Re-entrant: what is there already is left alone.

CREATE TABLE IF NOT EXISTS @clean@ (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Never CASCADE: deleting a user must not delete an order that was paid.
    user_id                 uuid REFERENCES public.users (id) ON DELETE SET NULL,
    customer_name           text NOT NULL,
    customer_email          text NOT NULL,
    pet_name                text,
    pet_mom_image_url       text,
    pet_image_url           text,
    generated_image_url     text,
    upscaled_image_url      text,
    generation_status       text NOT NULL DEFAULT 'pending'
        CHECK (generation_status IN ('pending', 'processing', 'completed', 'failed')),
    upscale_status          text NOT NULL DEFAULT 'not_started'
        CHECK (upscale_status IN ('not_started', 'pending', 'processing', 'completed', 'failed')),
    generation_started_at   timestamptz,
    generation_completed_at timestamptz,
    upscale_started_at      timestamptz,
    upscale_completed_at    timestamptz,
    access_token            text NOT NULL UNIQUE CHECK (access_token <> '')
        DEFAULT encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'hex'),
    token_expires_at        timestamptz NOT NULL DEFAULT now() + interval '720 hours',
    mockup_urls             jsonb,
    mockup_generated_at     timestamptz,
    fal_request_id          text,
    generation_params       jsonb,
    -- What the old row had and this table has no column for; NULL in rows that were never in the old table.
    legacy                  jsonb,
    created_at              timestamptz DEFAULT now(),
    updated_at              timestamptz DEFAULT now(),
    -- A picture that an old row never had stays NULL; a new row has both.
    CONSTRAINT artworks_v2_new_rows_have_pictures
        CHECK (legacy IS NOT NULL OR (pet_mom_image_url IS NOT NULL AND pet_image_url IS NOT NULL))
);
ALTER TABLE @clean@ ENABLE ROW LEVEL SECURITY;
CREATE INDEX IF NOT EXISTS artworks_v2_user_id ON @clean@ (user_id);
CREATE INDEX IF NOT EXISTS artworks_v2_customer_email ON @clean@ (customer_email);
CREATE INDEX IF NOT EXISTS artworks_v2_generation_status ON @clean@ (generation_status);
CREATE INDEX IF NOT EXISTS artworks_v2_upscale_status ON @clean@ (upscale_status);

-- The first e-mail of an upload carries the token of its twin: it goes on opening the artwork.
CREATE TABLE IF NOT EXISTS public.artwork_token_aliases (
    token      text PRIMARY KEY CHECK (token <> ''),
    -- An artwork that is deleted takes its aliases along: they open nothing else.
    artwork_id uuid NOT NULL REFERENCES @clean@ (id) ON UPDATE CASCADE ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);
ALTER TABLE public.artwork_token_aliases ENABLE ROW LEVEL SECURITY;
CREATE INDEX IF NOT EXISTS artwork_token_aliases_artwork_id ON public.artwork_token_aliases (artwork_id);

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_index WHERE indrelid = 'public.orders'::regclass AND indisvalid AND indpred IS NULL
                   AND indkey[0] = (SELECT attnum FROM pg_attribute
                                    WHERE attrelid = 'public.orders'::regclass AND attname = 'artwork_id')) THEN
        CREATE INDEX orders_artwork_id ON public.orders (artwork_id);
        INSERT INTO artwork_migration.made (kind, name) VALUES ('index', 'public.orders_artwork_id') ON CONFLICT DO NOTHING;
    END IF;
END $$;

-- What live writes touched since a moment is found by this alone.
CREATE INDEX IF NOT EXISTS outcomes_live ON artwork_migration.outcomes (updated_at) WHERE run_id = 'live';
