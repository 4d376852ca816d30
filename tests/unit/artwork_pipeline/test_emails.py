"""One form for each address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artwork_pipeline.artworks.emails import normalise_email


@pytest.mark.parametrize(
    "spelling",
    [
        "ida@example.net",
        " Ida@Example.NET ",
        "ida@example.net\u00a0",
        "\u200bida@exa\u200bmple.net\ufeff",
        "\uff49\uff44\uff41\uff20example.net",
        "\tida@example.net\r\n",
    ],
)
def test_spellings_of_an_address_have_one_form(spelling):
    assert normalise_email(spelling) == "ida@example.net"


@pytest.mark.parametrize(
    "other", ["i.da@example.net", "ida+tag@example.net", "ida@example.com", "id a@example.net"]
)
def test_another_address_keeps_a_form_of_its_own(other):
    assert normalise_email(other) == other


def test_a_final_sigma_is_no_other_letter():
    assert normalise_email("\u039f\u0394\u039f\u03a3@x") == normalise_email("\u03bf\u03b4\u03bf\u03c2@x")


@given(st.text())
def test_the_form_of_a_form_is_the_form(text):
    once = normalise_email(text)
    assert normalise_email(once) == once
