-- Dialect C: pictures in JSON documents, the step of the generation in a column of its own.
ALTER TABLE artworks
    ALTER COLUMN original_image_url DROP NOT NULL,
    ADD COLUMN source_images    jsonb,
    ADD COLUMN generated_images jsonb,
    ADD COLUMN delivery_images  jsonb,
    ADD COLUMN generation_steps jsonb,
    ADD COLUMN generation_step  text DEFAULT 'pending';
