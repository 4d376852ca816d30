-- The JSON documents of dialect C for the rows made before: half of the finished artworks have their pictures only there.
UPDATE artworks SET
    generation_step = CASE WHEN generation_status = 'failed' THEN 'failed'
                           WHEN done THEN 'completed'
                           WHEN alone AND way < 3 THEN (ARRAY['monalisa_generation', 'pet_integration'])[way % 2 + 1]
                           ELSE 'pending' END,
    generation_status = 'pending',
    original_image_url = CASE WHEN original_image_url = 'pending'
                                OR original_image_url LIKE 'https://img.example.org/original/%' THEN NULL
                              ELSE original_image_url END,
    source_images = CASE WHEN way < 4 THEN jsonb_build_object('pet_photo', COALESCE(original_pet_url, ''),
        'pet_mom_photo', COALESCE(original_pet_mom_url, ''), 'uploadthing_keys', jsonb_build_object('pet', 'k' || way)) END,
    generated_images = CASE WHEN NOT done THEN '{}'
        WHEN way < 4 THEN jsonb_build_object('monalisa_base', generated_image_url || '?base',
            'artwork_preview', generated_image_url, 'artwork_full_res', COALESCE(upscaled_image_url, '')) END,
    delivery_images = CASE WHEN way = 1 THEN jsonb_build_object('digital_download', '', 'print_ready', '',
        'mockups', jsonb_build_object('poster', 'https://img.example.org/mockup/' || id || '.jpg')) END,
    generation_steps = CASE WHEN way = 2 THEN '[{"step": "monalisa_generation", "seconds": 12.50}]'::jsonb END,
    generated_image_url = CASE WHEN way < 4 THEN NULL ELSE generated_image_url END,
    original_pet_url = CASE WHEN way < 2 THEN NULL ELSE original_pet_url END
FROM (SELECT made.id AS artwork, pg_temp.pick(i, 'json', 8) AS way, done, kind = 'alone' AS alone FROM made) AS chosen
WHERE artworks.id = artwork;
