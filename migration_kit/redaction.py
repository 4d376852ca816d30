"""What must not be read in logs, metadata, errors and reports: credentials and people's addresses.

Pure, but for the environment's secret values, which are masked wherever they turn up.
"""

import os
import re

MASK = "***"
# A password may hold an @ that nobody escaped: the credentials end at the last one before the path.
_CREDENTIALS_IN_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^\s/@:]*:[^\s@]+(?:@[^\s/@]*(?=@))*@", re.IGNORECASE
)
_PARAMETER = re.compile(
    r"(?P<name>\b(?:\w*password|passwd|pwd|secret_?key|signature|x-amz-signature)\s*=\s*)(?:'[^']*'|[^\s&;,'\"]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(
    r"(?P<kind>bearer|apikey|token)(?P<between>[\s:=\"']+)[A-Za-z0-9._~+/-]{12,}=*", re.IGNORECASE
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")
_EMAIL = re.compile(r"(?P<first>[A-Za-z0-9])[A-Za-z0-9._%+-]*@(?P<domain>[A-Za-z0-9.-]+\.[A-Za-z]{2,})")
_SECRET_NAME = re.compile(r"(_KEY|_SECRET|_TOKEN|_TOKENS|_PASSWORD|_ACCESS_KEY_ID)$")
_SHORTEST_SECRET = 8


def redact(text: str) -> str:
    """The text without passwords in URLs and parameters, bearer tokens, JWTs and the values of secret variables."""
    for name, value in os.environ.items():
        if _SECRET_NAME.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, MASK)
    text = _CREDENTIALS_IN_URL.sub(rf"\g<scheme>{MASK}@", text)
    text = _PARAMETER.sub(rf"\g<name>{MASK}", text)
    text = _JWT.sub(MASK, text)
    return _BEARER.sub(rf"\g<kind>\g<between>{MASK}", text)


def mask_email(text: str) -> str:
    """Every e-mail address in the text cut to its first letter and its domain (``a***@example.com``)."""
    return _EMAIL.sub(rf"\g<first>{MASK}@\g<domain>", text)
