"""Which network addresses are public, so that nobody makes this program talk to the machines around it. Pure."""

import ipaddress
from collections.abc import Iterable

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast. Written out: what Python's `is_global`
# says of some of them differs between its versions, and it calls multicast global.
_NOT_PUBLIC_4 = tuple(
    ipaddress.IPv4Network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
_PUBLIC_6 = ipaddress.IPv6Network("2000::/3")
"""All that is public; loopback, mapped and compatible IPv4, NAT64, private and link-local addresses lie outside."""
# Within it: Teredo and other protocols, documentation, 6to4 (which carries any IPv4 address), AS112.
_NOT_PUBLIC_6 = tuple(
    ipaddress.IPv6Network(one)
    for one in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)
_ISATAP = (0x00005EFE, 0x02005EFE)
_ON_THIS_SIDE = tuple(
    ipaddress.ip_network(one)
    for one in ("10.0.0.0/8", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)


def is_public(text: str) -> bool:
    """Whether an address, as a resolver writes it, is one of the public Internet; what is none is not."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not _within(address, _NOT_PUBLIC_4)
    if address.scope_id is not None or address not in _PUBLIC_6 or _within(address, _NOT_PUBLIC_6):
        return False
    return (int(address) >> 32) & 0xFFFFFFFF not in _ISATAP


def is_of_a_stand_in(text: str) -> bool:
    """Whether a stand-in may be there: this machine or its private network, never link-local (where metadata are)."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return _within(address, _ON_THIS_SIDE)


def _within(address: ipaddress.IPv4Address | ipaddress.IPv6Address, networks: Iterable[_Network]) -> bool:
    return any(address in network for network in networks)
