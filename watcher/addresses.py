"""Which addresses a policy's URL may lead to: public ones, and networks that are named. Pure."""

import ipaddress
from collections.abc import Collection

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_allowed(address: str, networks: Collection[str]) -> bool:
    """Whether an address (no name) may be connected to. Raises ValueError for what is no address.

    An IPv6 address that stands for an IPv4 one (mapped, 6to4, Teredo, NAT64) counts as that.
    """
    written = ipaddress.ip_address(address.partition("%")[0])
    meant = _meant(written)
    allowed = [ipaddress.ip_network(network) for network in networks]
    if any(each in network for each in (written, meant) for network in allowed):
        return True
    return _is_public(meant)


def _is_public(address: _Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _meant(address: _Address) -> _Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None) or address
