-- The old schema of the artworks as installations have it. Dialect A; dialect_b.sql and dialect_c.sql add to it.
-- What hangs on it in the field is in dependents.sql.

CREATE TABLE users (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email      text NOT NULL UNIQUE,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);

CREATE TABLE artworks (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id              uuid REFERENCES users (id) ON DELETE SET NULL,
    original_image_url   text NOT NULL,
    generated_image_url  text,
    pet_name             text,
    customer_name        text NOT NULL,
    customer_email       text NOT NULL,
    original_pet_mom_url text,
    original_pet_url     text,
    access_token         text UNIQUE,
    token_expires_at     timestamptz,
    generation_status    text DEFAULT 'pending' CHECK (generation_status IN ('pending', 'completed', 'failed')),
    created_at           timestamptz DEFAULT now(),
    updated_at           timestamptz DEFAULT now()
);

CREATE TABLE orders (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    artwork_id        uuid REFERENCES artworks (id) ON DELETE CASCADE,
    stripe_session_id text NOT NULL UNIQUE,
    product_type      text NOT NULL CHECK (product_type IN ('digital', 'art_print', 'framed_canvas')),
    product_size      text,
    price_cents       integer NOT NULL,
    customer_email    text NOT NULL,
    customer_name     text NOT NULL,
    shipping_address  jsonb,
    order_status      text NOT NULL DEFAULT 'pending'
        CHECK (order_status IN ('pending', 'paid', 'processing', 'shipped', 'delivered', 'cancelled', 'failed')),
    created_at        timestamptz DEFAULT now(),
    updated_at        timestamptz DEFAULT now()
);

CREATE TABLE order_status_history (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id   uuid NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    status     text NOT NULL,
    notes      text,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE admin_reviews (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    artwork_id uuid NOT NULL REFERENCES artworks (id) ON DELETE CASCADE,
    status     text NOT NULL DEFAULT 'pending',
    notes      text,
    created_at timestamptz DEFAULT now()
);
