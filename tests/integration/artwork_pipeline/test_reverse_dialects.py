"""Whatever people write to either table, in every dialect: both agree afterwards, and nothing is refused that fits."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from artwork_pipeline.artworks.columns import CLEAN_COLUMNS
from artwork_pipeline.artworks.dialects import COLUMNS_OF, Dialect
from artwork_pipeline.artworks.mapping import JSON_NULL
from artwork_pipeline.stores.sessions import session
from local_stack.sources import artworks
from tests.unit.artwork_pipeline.rows import clean_changes, moments, pictures, words

OLD_CHANGES = {
    "pet_name": st.none() | words,
    "original_image_url": st.sampled_from(["pending", "https://img.example.org/o.png"]),
    "generated_image_url": pictures,
    "upscaled_image_url": pictures,
    "generation_status": st.sampled_from([None, "pending", "completed", "failed"]),
    "upscale_status": st.sampled_from([None, "pending", "processing", "completed", "failed", "not_required"]),
    "upscaled_at": moments,
    "token_expires_at": moments,
    "created_at": moments,
    "customer_email": st.sampled_from([" Ida@Example.net", "ida@example.net", "BO@example.net"]),
    "source_images": st.none() | st.just({"pet_photo": "https://img.example.org/c.png"}),
    "generated_images": st.none() | st.just({"artwork_preview": "https://img.example.org/d.png"}),
    "generation_step": st.sampled_from([None, "pending", "monalisa_generation", "upscaling", "completed"]),
}
old_changes = st.fixed_dictionaries({}, optional=OLD_CHANGES)
writes = st.lists(
    st.one_of(
        st.tuples(st.just("clean"), st.integers(0, 3), clean_changes),
        st.tuples(st.just("old"), st.integers(0, 3), old_changes),
    ),
    min_size=4,
    max_size=10,
)


def parameter(value):
    if value is JSON_NULL:
        return Jsonb(None)
    return Jsonb(value) if isinstance(value, dict | list) else value


@pytest.fixture(scope="module", params=Dialect)
def either_side(request, templates, steps):
    """A migrated database of each dialect."""

    def make(url):
        artworks.fill({"ARTWORK_DATABASE_URL": url}, rows=60, dialect=str(request.param))
        steps.prepare(url)
        steps.fill_all(url)

    url = templates.of(f"migrated, dialect {request.param}", make)
    with session(url) as connection:
        yield url, request.param, connection


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes)
def test_both_sides_agree_after_any_writes_on_either(either_side, steps, sequence):
    url, dialect, connection = either_side
    rows = [row for (row,) in connection.execute("SELECT id FROM artworks_v2 ORDER BY id LIMIT 3").fetchall()]
    (born,) = connection.execute(
        "INSERT INTO artworks_v2 (customer_name, customer_email, pet_mom_image_url, pet_image_url) "
        "VALUES ('New', 'new@example.net', 'https://m', 'https://p') RETURNING id"
    ).fetchone()
    for side, number, changes in sequence:
        row = [*rows, born][number]
        values = {
            name: value
            for name, value in changes.items()
            if (side == "clean" or name in COLUMNS_OF[dialect])
            # What a constraint of the clean table, or of the installation, forbids is not written at all.
            and name not in ("user_id", "access_token")
            and not (name == "customer_email" and value == "")
            and not (name == "legacy" and value is None)
            and not (row == born and name in ("pet_image_url", "pet_mom_image_url", "legacy"))
        }
        if not values:
            continue
        placed = {
            name: Jsonb(value)
            if side == "clean" and CLEAN_COLUMNS[name] == "jsonb" and isinstance(value, str)
            else parameter(value)
            for name, value in values.items()
        }
        table = "artworks" if side == "old" else "artworks_v2"
        assignments = ", ".join(f"{name} = %s" for name in placed)
        connection.execute(f"UPDATE {table} SET {assignments} WHERE id = %s", [*placed.values(), row])
    assert steps.differences(url) == []
    nothing = connection.execute(
        "SELECT clean_rows, outcomes FROM artwork_migration.apply_rows(%s, 'run', 'batch')", [[*rows, born]]
    ).fetchone()
    assert nothing == (0, 0)
