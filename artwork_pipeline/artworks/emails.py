"""One form for each e-mail address, so that one customer is one user.

Dots and +tags are kept: they may be another person's address. The same function in SQL stands in
`sql/normalisation.sql`.
"""

import unicodedata

ZERO_WIDTH = "\u200b\u200c\u200d\u2060\ufeff"
SPACES = " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2028\u2029"
"""White space that is left after NFKC, which turns the others into a plain space."""


def normalise_email(email: str) -> str:
    """NFKC, without invisible characters, trimmed, in lower case; idempotent.

    Lower case goes character by character and knows one small sigma: a form that depended on a letter's
    neighbours would make two addresses of one.
    """
    plain = unicodedata.normalize("NFKC", email).translate(dict.fromkeys(map(ord, ZERO_WIDTH))).strip(SPACES)
    lowered = "".join(character.lower() for character in plain).replace("\u03c2", "\u03c3")
    return unicodedata.normalize("NFKC", lowered)
