-- Upscaling and mock-ups for the rows made by rows.sql.
UPDATE artworks SET
    upscaled_image_url = CASE WHEN way < 3 THEN 'https://img.example.org/upscaled/' || id || '.png' END,
    upscale_status = CASE WHEN way < 3 THEN 'completed'
                          ELSE (ARRAY['pending', 'processing', 'failed', 'not_required', 'pending', NULL])[way - 2] END,
    upscaled_at = CASE WHEN way < 3 THEN artworks.created_at + interval '10 minutes' END,
    mockup_urls = CASE way % 3
        WHEN 1 THEN jsonb_build_array(jsonb_build_object(
            'type', 'poster', 'url', 'https://img.example.org/mockup/' || id || '.jpg', 'label', 'Größe L'))
        WHEN 2 THEN '[]' END,
    mockup_generated_at = CASE way % 3 WHEN 1 THEN artworks.created_at + interval '12 minutes' END
FROM (SELECT made.id AS artwork, pg_temp.pick(i, 'upscale', 9) AS way FROM made WHERE done) AS chosen
WHERE artworks.id = artwork;
