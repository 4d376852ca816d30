-- Dialect B: what upscaling and mock-ups brought.
ALTER TABLE artworks
    ADD COLUMN upscaled_image_url  text,
    ADD COLUMN upscale_status      text DEFAULT 'pending'
        CHECK (upscale_status IN ('pending', 'processing', 'completed', 'failed', 'not_required')),
    ADD COLUMN upscaled_at         timestamptz,
    ADD COLUMN mockup_urls         jsonb,
    ADD COLUMN mockup_generated_at timestamptz;
