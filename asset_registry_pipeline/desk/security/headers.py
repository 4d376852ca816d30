"""What every reply carries, so that a browser refuses what no page of the desk ever asks for."""

from collections.abc import Iterable
from urllib.parse import urlsplit

ASSETS = "https://storage.googleapis.com"
"""Where the registry's pictures, videos and songs are."""
PICTURES = (
    *(f"https://is{number}-ssl.mzstatic.com" for number in range(1, 6)),
    "https://coverartarchive.org",
    "https://archive.org",
    "https://*.archive.org",
)
"""Where candidates for album art are, before one is chosen."""
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
        parts = urlsplit(address if "//" in address else f"https://{address}") if address.strip() else None
        if parts and parts.scheme in ("http", "https") and parts.netloc and "@" not in parts.netloc:
            found[f"{parts.scheme}://{parts.netloc.strip()}"] = None
    return tuple(found)


def security_headers(pictures: Iterable[str], *, https: bool) -> dict[str, str]:
    """The headers of every reply; `pictures` are the origins of album art besides the known ones."""
    shown = " ".join((ASSETS, *PICTURES, *pictures))
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
