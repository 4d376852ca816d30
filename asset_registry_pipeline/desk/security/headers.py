"""What every reply carries, so that a browser refuses what no page of the desk ever asks for."""

import re
from collections.abc import Iterable

ASSETS = "https://storage.googleapis.com"
"""Where the registry's pictures, videos and songs are."""
# Nothing else may get into the header: a policy is a text in which a blank or a semicolon means something.
_ORIGIN = re.compile(r"(?P<scheme>https?://)?(?P<place>[A-Za-z0-9.-]+(?::[0-9]+)?)(?:/|$)")
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media", "geolocation", "gyroscope",
        "hid", "magnetometer", "microphone", "midi", "payment", "publickey-credentials-get", "screen-wake-lock",
        "serial", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip


def origins(addresses: Iterable[str]) -> tuple[str, ...]:
    """Scheme, host and port of each address that has them; one without a scheme is an https host."""
    found: dict[str, None] = {}
    for address in addresses:
        match = _ORIGIN.match(address.strip())
        if match:
            found[f"{match['scheme'] or 'https://'}{match['place']}"] = None
    return tuple(found)


def security_headers(pictures: Iterable[str], *, https: bool) -> dict[str, str]:
    """The headers of every reply; `pictures` are the origins of published album art.

    Candidates for album art come from the desk itself: no browser is sent to where they are.
    """
    shown = " ".join((ASSETS, *pictures))
    headers = {
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self'",
                f"img-src 'self' {shown}",
                f"media-src 'self' {ASSETS}",
                "connect-src 'self'",
                "form-action 'self'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
            )
        ),
        "X-Content-Type-Options": "nosniff",
        # A stricter policy would make browsers send `Origin: null` with the desk's own forms.
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": PERMISSIONS,
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return headers | ({"Strict-Transport-Security": "max-age=31536000"} if https else {})
