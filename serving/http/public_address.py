"""Which IP addresses are on the public internet. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC: Final = (
    # Python's `is_global` misses these, some of them only in older releases.
    ipaddress.ip_network("100.64.0.0/10"),  # carrier-grade NAT, and a cloud's metadata
    ipaddress.ip_network("168.63.129.16/32"),  # Azure's host, as seen from its machines
    ipaddress.ip_network("192.0.0.0/24"),  # protocol assignments, and a cloud's metadata
    ipaddress.ip_network("192.88.99.0/24"),  # 6to4 relays
    ipaddress.ip_network("2001::/23"),  # protocol assignments
    ipaddress.ip_network("3fff::/20"),  # documentation
)


def is_public(address: IPAddress) -> bool:
    """Whether an address is public, and so is every IPv4 address that is embedded in it."""
    embedded = _embedded(address)
    return all(map(_is_public_itself, embedded or (address,)))


def _is_public_itself(address: IPAddress) -> bool:
    if address.version == 6 and address not in _GLOBAL_UNICAST:
        return False
    is_special = address.is_multicast or address.is_reserved or not address.is_global
    return not (is_special or any(address in network for network in _NOT_PUBLIC))


def _embedded(address: IPAddress) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses to which packets for an IPv6 address may be sent on."""
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    return tuple(
        inner
        for inner in (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
        if inner is not None
    )
