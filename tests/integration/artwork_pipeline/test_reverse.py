"""People who write to the clean table: everything they do is in the old one, and comes forward unchanged."""

from tests.integration.artwork_pipeline.sides import NEW, OUTCOME, a_row, either_way


@either_way
def test_a_new_artwork_is_in_the_old_table_in_its_words(sides, query, steps):
    url, old, clean = sides
    new = query(url, NEW.format(clean), "New Customer", "new@example.net")[0][0]
    row = query(
        url,
        "SELECT a.original_image_url, a.generation_status, a.upscale_status, a.customer_email, a.original_pet_url, "
        f"a.access_token = v.access_token, length(a.access_token) FROM {old} a JOIN {clean} v USING (id) WHERE id = %s",
        new,
    )
    assert row == [
        ("pending", "pending", "pending", "new@example.net", "https://img.example.org/p.png", True, 64)
    ]
    assert query(url, OUTCOME, str(new)) == [("migrated", None)]
    assert steps.differences(url) == []


@either_way
def test_what_the_old_table_cannot_say_outlives_a_write_on_its_side(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean, "v.generation_status = 'pending'")
    query(
        url,
        f"UPDATE {clean} SET generation_status = 'processing', generation_started_at = '2026-01-01', "
        "fal_request_id = 'fal-1', generation_params = '{\"seed\": 1.00}', upscale_status = 'pending' WHERE id = %s",
        row,
    )
    assert query(url, f"SELECT generation_status, upscale_status FROM {old} WHERE id = %s", row) == [
        ("pending", "pending")
    ]
    assert steps.differences(url) == []
    query(url, f"UPDATE {old} SET pet_name = 'Rex' WHERE id = %s", row)
    said = (
        "SELECT pet_name, generation_status, upscale_status, fal_request_id, generation_params::text "
        f"FROM {clean} WHERE id = %s"
    )
    assert query(url, said, row) == [("Rex", "processing", "pending", "fal-1", '{"seed": 1.00}')]
    assert steps.differences(url) == []
    query(
        url,
        f"UPDATE {old} SET generation_status = 'completed', generated_image_url = 'https://x' WHERE id = %s",
        row,
    )
    assert query(url, said, row) == [("Rex", "completed", "pending", "fal-1", '{"seed": 1.00}')]
    assert steps.differences(url) == []


@either_way
def test_every_column_that_both_know_is_carried_back(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean)
    query(
        url,
        f"UPDATE {clean} SET pet_name = '', customer_name = 'Other', pet_image_url = 'https://p', upscaled_image_url = "
        "'https://u', upscale_status = 'completed', upscale_completed_at = '2026-02-02', mockup_urls = '[1.0]', "
        "mockup_generated_at = '2026-02-03', access_token = 'renewed', token_expires_at = '2040-01-01', "
        "customer_email = 'other@example.net', generation_status = 'failed', created_at = '2025-04-04' WHERE id = %s",
        row,
    )
    found = query(
        url,
        "SELECT pet_name, customer_name, original_pet_url, upscaled_image_url, upscale_status, "
        "upscaled_at::date::text, mockup_urls::text, access_token, "
        "token_expires_at::date::text, customer_email, generation_status "
        f"FROM {old} WHERE id = %s",
        row,
    )
    assert found == [
        ("", "Other", "https://p", "https://u", "completed", "2026-02-02", "[1.0]", "renewed", "2040-01-01",
         "other@example.net", "failed")
    ]  # fmt: skip
    assert steps.differences(url) == []


def test_a_token_that_was_issued_is_not_told_to_the_old_table_until_it_changes(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean, "v.legacy ? 'access_token'")
    kept = query(url, f"SELECT access_token FROM {old} WHERE id = %s", row)
    query(url, f"UPDATE {clean} SET pet_name = 'Rex' WHERE id = %s", row)
    assert query(url, f"SELECT access_token FROM {old} WHERE id = %s", row) == kept
    query(url, f"UPDATE {clean} SET access_token = 'mine' WHERE id = %s", row)
    assert query(url, f"SELECT access_token FROM {old} WHERE id = %s", row) == [("mine",)]
    assert steps.differences(url) == []


def test_a_customer_who_takes_another_address_is_another_user_on_both_sides(sides, query, steps):
    url, old, clean = sides
    row = a_row(query, url, clean)
    query(url, "INSERT INTO users (email) VALUES ('moved@example.net')")
    query(
        url,
        f"UPDATE {clean} SET customer_email = 'moved@example.net', user_id = (SELECT id FROM users WHERE "
        "email = 'moved@example.net') WHERE id = %s",
        row,
    )
    assert query(url, f"SELECT customer_email, user_id FROM {old} WHERE id = %s", row) == [
        ("moved@example.net", None)
    ]
    query(url, f"UPDATE {old} SET pet_name = 'Rex' WHERE id = %s", row)
    assert query(
        url, f"SELECT email FROM {clean} JOIN users u ON u.id = user_id WHERE {clean}.id = %s", row
    ) == [("moved@example.net",)]
    assert steps.differences(url) == []


@either_way
def test_a_deleted_user_leaves_artworks_of_nobody_and_is_not_made_anew(sides, query, steps):
    url, old, clean = sides
    new = query(url, NEW.format(clean), "New", "leaving@example.net")[0][0]
    row = a_row(query, url, clean, "v.user_id IS NOT NULL AND v.legacy IS NOT NULL")
    both = query(url, f"SELECT user_id FROM {clean} WHERE id = ANY (%s)", [new, row])
    assert all(user for (user,) in both)
    query(url, "DELETE FROM users WHERE id = ANY (%s)", [one for (one,) in both])
    assert query(url, f"SELECT user_id FROM {clean} WHERE id = ANY (%s)", [new, row]) == [(None,)] * 2
    assert query(url, f"SELECT user_id FROM {old} WHERE id = ANY (%s)", [new, row]) == [(None,)] * 2
    assert steps.differences(url) == []
    for table in (old, clean, old):
        query(url, f"UPDATE {table} SET pet_name = %s WHERE id = ANY (%s)", table, [new, row])
        assert query(url, f"SELECT user_id FROM {clean} WHERE id = ANY (%s)", [new, row]) == [(None,)] * 2
        assert steps.differences(url) == []


@either_way
def test_a_row_born_in_the_clean_table_stays_migrated_though_it_looks_like_a_test(sides, query, steps):
    url, old, clean = sides
    new = query(url, NEW.format(clean), "Test Customer", "tester@example.com")[0][0]
    query(
        url,
        f"UPDATE {clean} SET pet_image_url = 'test-1.jpg', access_token = 'test-token-9' WHERE id = %s",
        new,
    )
    query(url, f"UPDATE {old} SET original_image_url = 'test-2.jpg' WHERE id = %s", new)
    assert query(url, OUTCOME, str(new)) == [("migrated", None)]
    if old == "artworks":
        steps.prepare(url)
        steps.fill_all(url)
    assert query(url, f"SELECT count(*) FROM {clean} WHERE id = %s", new) == [(1,)]
    assert steps.differences(url) == []


def test_a_fault_in_a_row_that_live_writes_made_is_found(migrated, query, steps, unseen):
    new = query(migrated, NEW.format("artworks_v2"), "New", "new@example.net")[0][0]
    unseen(migrated, f"UPDATE artworks_v2 SET fal_request_id = 'planted' WHERE id = '{new}'")
    assert {one.artwork_id for one in steps.differences(migrated)} == {str(new)}
    unseen(migrated, f"UPDATE artworks_v2 SET fal_request_id = NULL, pet_name = 'planted' WHERE id = '{new}'")
    assert "changed: pet_name" in {one.rule for one in steps.differences(migrated)}


def test_applying_the_plan_to_rows_that_live_writes_made_writes_nothing(sides, query):
    """What is compared again under the locks of a switch-over is told apart by just this."""
    url, old, clean = sides
    born = query(url, NEW.format(clean), "New", "new@example.net")[0][0]
    rows = [
        row for (row,) in query(url, f"SELECT id FROM {clean} WHERE legacy ? 'user_id' ORDER BY id LIMIT 5")
    ]
    query(url, "INSERT INTO users (email) VALUES ('somebody@example.net')")
    somebody = "(SELECT id FROM users WHERE email = 'somebody@example.net')"
    for change, row in zip(
        (f"user_id = {somebody}", "customer_email = 'another@example.net'", "pet_name = 'Rex'",
         "generation_status = 'processing'", "user_id = NULL"),
        rows, strict=True,
    ):  # fmt: skip
        query(url, f"UPDATE {clean} SET {change} WHERE id = %s", row)
    query(url, f"UPDATE {clean} SET user_id = {somebody} WHERE id = %s", born)
    query(url, "DELETE FROM users WHERE id = (SELECT user_id FROM artworks WHERE id = %s)", rows[2])
    everything = "SELECT clean_rows, outcomes FROM artwork_migration.apply_rows(%s, 'live', 'live')"
    for _ in range(2):
        assert query(url, everything, [born, *rows]) == [(0, 0)]
        query(url, f"UPDATE {old} SET pet_name = 'Mia' WHERE id = ANY (%s)", [born, *rows])
