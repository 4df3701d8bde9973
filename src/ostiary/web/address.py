"""The client's address, decided once: the rightmost hop that is not a trusted proxy (decision 8)."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

__all__ = ["Network", "client_address", "counted_as", "network"]

Network = IPv4Network | IPv6Network
_Address = IPv4Address | IPv6Address
_MOST_HOPS = 32


def network(text: str) -> Network:
    """Parse a CIDR block or a single address. Raises ValueError."""
    return ip_network(text.strip(), strict=False)


def client_address(peer: str, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str:
    """Return the client's address as text, "" where none can be told.

    `forwarded_for` are the X-Forwarded-For headers in order. They are believed only from right to left and
    only as long as the hop that wrote them is trusted; an unreadable hop ends the walk at the one before.
    A hop may carry a port (`192.0.2.1:443`, `[2001:db8::1]:443`) and a zone (`fe80::1%eth0`); both are dropped.
    """
    current = _parse(peer)
    hops = [hop for header in forwarded_for for hop in header.split(",")][-_MOST_HOPS:]
    while current is not None and hops and any(current in net for net in trusted):
        before = _parse(hops.pop())
        if before is None:
            break
        current = before
    return "" if current is None else str(current)


def counted_as(address: str) -> str:
    """Return what limits and bindings compare: an IPv4 address whole, an IPv6 one by its /64 (ruling 27)."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(ip_network(f"{parsed}/64", strict=False))
    return "" if parsed is None else str(parsed)


def _parse(text: str) -> _Address | None:
    bare = text.strip()
    bare = bare.removeprefix("[").partition("]")[0] if bare.count(":") != 1 else bare.partition(":")[0]
    try:
        parsed = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
