"""Nothing that must stay secret is readable after redaction."""

import pytest

from migration_kit.redaction import mask_email, redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://writer:hunter2secret@db.example/nabo refused",
        "mongodb+srv://reader:hunter2secret@cluster.example/?w=1",
        "postgresql+psycopg2://:hunter2secret@db.example/nabo",
        "postgresql://writer:p@hunter2secret@db.example/nabo refused",
        "postgresql://db.example/nabo?user=writer&password=hunter2secret&connect_timeout=3",
        "host=db.example password='hunter2secret hunter2secret' dbname=nabo",
        "https://s3.example/a.jpg?X-Amz-Signature=hunter2secret",
        "Authorization: Bearer hunter2secret.abc.def",
        "apikey=hunter2secretABCDEF",
    ],
)
def test_credentials_are_masked(text):
    assert "hunter2secret" not in redact(text)


def test_the_value_of_a_secret_variable_is_masked_wherever_it_turns_up(monkeypatch):
    monkeypatch.setenv("SUPABASE_SERVICE_ROLE_KEY", "zebra-crossing")
    assert redact("key zebra-crossing was refused") == "key *** was refused"


def test_a_jwt_is_masked():
    assert "eyJ" not in redact("got eyJhbGciOiJI.eyJyb2xlIjoic2.c2lnbmF0dXJl back")


def test_what_is_no_secret_stays():
    text = "PostgreSQL at postgresql://db.example:5432/nabo does not answer"
    assert redact(text) == text


def test_an_email_keeps_its_first_letter_and_its_domain():
    assert mask_email("by anna.berg+x@example.com, twice") == "by a***@example.com, twice"
