"""Whatever a row of the old table and one of the clean table may hold, for tests of laws."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from artwork_pipeline.artworks import mapping
from artwork_pipeline.artworks.columns import SOURCE_COLUMNS
from artwork_pipeline.artworks.dialects import COLUMNS_OF, Dialect
from artwork_pipeline.artworks.emails import SPACES, ZERO_WIDTH, normalise_email
from artwork_pipeline.artworks.mapping import CLEAN_GENERATION, CLEAN_UPSCALE, JSON_NULL

# What both sides know: PostgreSQL's Unicode is newer than Python's, and has no surrogates and no zero byte.
letters = st.characters(exclude_categories=("Cs", "Cn", "Co"), exclude_characters="\x00")
words = st.text(letters, max_size=12)
awkward = st.sampled_from(
    [*SPACES, *ZERO_WIDTH, "İ", "Σ", "ς", "ß", "ﬃ", "\uff21", "Å", "K", "@", ".", "+", " "]
)
addresses = st.lists(st.one_of(awkward, letters), max_size=16).map("".join)

statuses = st.sampled_from(
    [None, "", "pending", "processing", "completed", "failed", "not_required", "not_started", "odd"]
)
generation_steps = st.sampled_from(
    [
        None,
        "pending",
        "monalisa_generation",
        "pet_integration",
        "upscaling",
        "mockup_generation",
        "completed",
        "failed",
        "odd",
    ]
)
urls = st.sampled_from(
    [None, "", "pending", "test-pending", "Test-Uploaded", "TEST-1.jpg", "testament.jpg", "https://img.example.org/test-1.jpg",
     "http://localhost", "HTTP://LOCALHOST:3000/x", "https://localhost.example.org", "http://127.0.0.1/x", "http://[::1]:3000",
     "http://localhost\n"]
)  # fmt: skip
tokens = st.sampled_from([None, "", "Test-Token-1", "test-token", "latest-token-1"]) | st.uuids().map(str)
# Microseconds and offsets, and no moment that thirty days more would push out of either calendar.
known_moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
moments = st.none() | known_moments
texts_in_json = st.sampled_from(
    ["", "pending", "test-1", "http://localhost/x", "https://img.example.org/1.png"]
)
documents = st.sampled_from([None, JSON_NULL]) | st.one_of(
    st.dictionaries(
        st.sampled_from(["pet_photo", "pet_mom_photo", "artwork_preview", "artwork_full_res", "mockups"]),
        st.one_of(texts_in_json, st.none(), st.integers(-5, 5), st.booleans(),
                  st.sampled_from([{}, [], {"a": "é"}, ["x"]])),
        max_size=4,
    ),
    st.lists(texts_in_json, max_size=2),
    texts_in_json,
)  # fmt: skip

source_rows = st.fixed_dictionaries(
    {
        "id": st.uuids(),
        "user_id": st.none() | st.uuids(),
        "original_image_url": urls,
        "generated_image_url": urls,
        "upscaled_image_url": urls,
        "upscale_status": statuses,
        "upscaled_at": moments,
        "pet_name": st.none() | words,
        "customer_name": st.sampled_from([None, "Test Customer", "TEST CUSTOMER", "Test Customer ", "Ida"]),
        "customer_email": st.none()
        | addresses
        | st.sampled_from(["A@Example.com", "a@example.com.au", "a@b.example.com"]),
        "original_pet_mom_url": urls,
        "original_pet_url": urls,
        "access_token": tokens,
        "token_expires_at": moments,
        "generation_status": statuses,
        "mockup_urls": documents,
        "mockup_generated_at": moments,
        "created_at": moments,
        "updated_at": moments,
        "source_images": documents,
        "generated_images": documents,
        "delivery_images": documents,
        "generation_steps": documents,
        "generation_step": generation_steps,
    }
)


def of_dialect(row, dialect):
    """The row as an installation of the dialect has it."""
    return {name: value if name in COLUMNS_OF[dialect] else None for name, value in row.items()}


migratable = source_rows.map(
    lambda row: (
        row
        | {
            "customer_name": row["customer_name"] or "Ida",
            "customer_email": "\u200bIda@Example.net"
            if row["customer_email"] is None
            else row["customer_email"],
        }
    )
)
dialects = st.sampled_from(Dialect)
issued_moments = st.just(datetime(2026, 1, 1, tzinfo=UTC))
pictures = st.sampled_from([None, "", "https://img.example.org/1.png", "https://img.example.org/2.png"])

clean_changes = st.fixed_dictionaries(
    {},
    optional={
        "user_id": st.none() | st.uuids(),
        "customer_name": st.sampled_from(["Ida", "Test Customer"]),
        "customer_email": addresses.map(normalise_email),
        "pet_name": st.none() | words,
        "pet_mom_image_url": pictures,
        "pet_image_url": pictures,
        "generated_image_url": pictures,
        "upscaled_image_url": pictures,
        "generation_status": st.sampled_from(CLEAN_GENERATION),
        "upscale_status": st.sampled_from(CLEAN_UPSCALE),
        "generation_started_at": moments,
        "generation_completed_at": moments,
        "upscale_started_at": moments,
        "upscale_completed_at": moments,
        "access_token": st.sampled_from(["fresh", "issued", "test-token-1"]),
        "token_expires_at": known_moments,
        "mockup_urls": documents,
        "mockup_generated_at": moments,
        "fal_request_id": st.none() | words,
        "generation_params": documents,
        # As it is, or a row that was never in the old table, or what somebody wrote there.
        "legacy": st.sampled_from([None, {}, [], "generation_status", ["user_id"]]),
        "created_at": moments,
        "updated_at": moments,
    },
)
"""What people may write into a row of the clean table."""

source_changes = st.lists(
    st.sampled_from(sorted({*SOURCE_COLUMNS} - {"id", "customer_email", "customer_name"})), max_size=4
)
"""Names of columns of the old table that people write."""


def cleaned(row, changes, *, owner):
    """A clean row as it may be after the mapping and any writes on its own side."""
    found = {"owner": owner, "issued_token": "issued", "issued_at": datetime(2026, 1, 1, tzinfo=UTC)}
    return mapping.clean(row, **found) | changes, found
