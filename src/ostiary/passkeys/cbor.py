"""CBOR as WebAuthn writes it: a reader of the CTAP2 canonical form and of nothing else.

Integers, byte and text strings, arrays, maps, false, true and null; definite lengths, shortest heads, map
keys in strictly rising order (so no key twice), at most eight levels. Tags, floats and everything indefinite
are refused: Web Authentication Level 3 section 2.4 wants decoders to refuse what is not canonical, and no
structure that we accept needs more. The work is linear in the input, and no length is believed before the
bytes are there.
"""

from typing import TypeAlias

__all__ = ["Value", "decode", "decode_at"]

Value: TypeAlias = "int | bytes | str | bool | list[Value] | dict[int | str, Value] | None"

_LEVELS = 8
_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_SHORT = 24
_SIMPLES: dict[int, bool | None] = {20: False, 21: True, 22: None}
# Width of the argument that follows the initial byte, and the smallest value that needs this width.
_WIDTHS = {24: (1, 24), 25: (2, 1 << 8), 26: (4, 1 << 16), 27: (8, 1 << 32)}


def decode(data: bytes) -> Value:
    """Return the one item that `data` is. Raises ValueError when it is anything else."""
    value, end = decode_at(data, 0)
    if end != len(data):
        raise ValueError("bytes after the item")
    return value


def decode_at(data: bytes, at: int, levels: int = _LEVELS) -> tuple[Value, int]:
    """Return the item that begins at offset `at` and the offset behind it. Raises ValueError."""
    major, argument, at = _head(data, at)
    if major == _UINT:
        return argument, at
    if major == _NINT:
        return -1 - argument, at
    if major in {_BYTES, _TEXT}:
        chunk = _take(data, at, argument)
        return chunk if major == _BYTES else chunk.decode("utf-8"), at + argument
    if major == _SIMPLE and argument in _SIMPLES:
        return _SIMPLES[argument], at
    if levels and major == _ARRAY:
        return _array(data, at, argument, levels - 1)
    if levels and major == _MAP:
        return _map(data, at, argument, levels - 1)
    raise ValueError("an item that WebAuthn does not use, or nested too deep")


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Read the major type and the argument: RFC 8949 section 3, in the shortest form only."""
    if at >= len(data):
        raise ValueError("bytes are missing")
    initial = data[at]
    major, argument = initial >> 5, initial & 0x1F
    if argument < _SHORT:
        return major, argument, at + 1
    if argument not in _WIDTHS:
        raise ValueError("an indefinite length or a reserved head")
    width, least = _WIDTHS[argument]
    argument = int.from_bytes(_take(data, at + 1, width), "big")
    if argument < least:
        raise ValueError("a head longer than needed")
    return major, argument, at + 1 + width


def _take(data: bytes, at: int, length: int) -> bytes:
    if length > len(data) - at:
        raise ValueError("bytes are missing")
    return data[at : at + length]


def _array(data: bytes, at: int, count: int, levels: int) -> tuple[Value, int]:
    items: list[Value] = []
    for _ in range(count):
        item, at = decode_at(data, at, levels)
        items.append(item)
    return items, at


def _map(data: bytes, at: int, count: int, levels: int) -> tuple[Value, int]:
    """Read pairs in rising order of their encoded keys: the order of CTAP2 is that of the bytes."""
    entries: dict[int | str, Value] = {}
    last = b""
    for _ in range(count):
        key, end = decode_at(data, at, 0)
        if isinstance(key, bool) or not isinstance(key, int | str) or data[at:end] <= last:
            raise ValueError("a key out of order, twice, or neither integer nor text")
        last = data[at:end]
        entries[key], at = decode_at(data, end, levels)
    return entries, at
