"""Input that a migration must survive: rows at the edge of what the old schema lets in, and just beyond it.

Kept apart from `filling`: for these rows no totals are promised, each is told by its name.
"""

import uuid
from collections.abc import Mapping
from typing import Any

import psycopg

from local_stack.sources.artworks.filling import DATABASE_VARIABLE

_INSERT = """
    INSERT INTO artworks (id, original_image_url, generated_image_url, pet_name, customer_name, customer_email,
                          access_token, token_expires_at, generation_status, created_at, updated_at)
    VALUES (%(id)s, %(original_image_url)s, %(generated_image_url)s, %(pet_name)s, %(customer_name)s,
            %(customer_email)s, %(access_token)s, %(token_expires_at)s, %(generation_status)s, %(created_at)s,
            %(created_at)s)
"""
_ROW: Mapping[str, Any] = {
    "original_image_url": "pending",
    "generated_image_url": None,
    "pet_name": None,
    "customer_name": "Ida Hostile",
    "customer_email": "ida@example.net",
    "access_token": None,
    "token_expires_at": None,
    "generation_status": "pending",
    "created_at": "2025-03-03 03:03:03+00",
}
_ROWS: Mapping[str, Mapping[str, Any]] = {
    "null_email": {"customer_email": None},
    "null_name": {"customer_name": None},
    "everything_null": dict.fromkeys(_ROW),
    "empty_strings": {
        "original_image_url": "",
        "pet_name": "",
        "customer_email": "",
        "generated_image_url": "",
    },
    "blank_email": {"customer_email": "\u00a0\u200b "},
    "unknown_status": {"generation_status": "paused"},
    "in_flight": {"generation_status": "processing"},
    "infinite_past": {"created_at": "-infinity"},
    "infinite_future": {"created_at": "infinity"},
    "before_christ": {"created_at": "0044-03-15 12:00:00+00 BC"},
    "expired": {"access_token": "expired-long-ago", "token_expires_at": "1999-01-01 00:00:00+00"},
    "long_text": {"pet_name": "x" * 100_000},
    "script": {"pet_name": "'; DROP TABLE artworks; -- <script>alert(1)</script> {braces} %s %(id)s"},
    "right_to_left": {
        "customer_name": "\u202e\u05ea\u05d4\u05d9",
        "customer_email": "\u05ea\u05d4\u05d9@example.net",
    },
    "turkish_i": {"customer_email": "İSTANBUL@EXAMPLE.NET"},
    "final_sigma": {"customer_email": "ΟΔΟΣ@EXAMPLE.NET"},
    "wide_address": {
        "customer_email": "\uff49\uff44\uff41\uff20\uff45\uff58\uff41\uff4d\uff50\uff4c\uff45\uff0enet"
    },
    "lookalike_prefix": {"original_image_url": "testament-of-a-cat.jpg"},
    "lookalike_host": {"original_image_url": "https://localhost.example.net/cat.jpg"},
    "lookalike_customer": {"customer_name": "Test Customer", "customer_email": "test@example.com.au"},
    "lookalike_token": {"access_token": "latest-token-1"},
}


def make_hostile(environment: Mapping[str, str]) -> Mapping[str, uuid.UUID]:
    """Add the hostile rows to a filled source and return their ids by name; a second call changes nothing.

    NOT NULL and CHECK constraints that real installations lack are dropped first.
    """
    ids = {name: uuid.uuid5(uuid.NAMESPACE_URL, f"hostile/{name}") for name in _ROWS}
    with psycopg.connect(environment[DATABASE_VARIABLE]) as connection:
        connection.execute("SET LOCAL timezone = 'UTC'")
        for column in ("original_image_url", "customer_name", "customer_email"):
            connection.execute(f"ALTER TABLE artworks ALTER COLUMN {column} DROP NOT NULL")
        connection.execute("ALTER TABLE artworks DROP CONSTRAINT IF EXISTS artworks_generation_status_check")
        present = {
            row[0]
            for row in connection.execute("SELECT id FROM artworks WHERE id = ANY(%s)", [[*ids.values()]])
        }
        for name, changes in _ROWS.items():
            if ids[name] not in present:
                connection.execute(_INSERT, {**_ROW, **changes, "id": ids[name]})
    return ids
