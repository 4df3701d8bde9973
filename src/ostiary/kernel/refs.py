"""Refs: how the membrane names a thing, `kind:name`. NOTE: wire format."""

import re

__all__ = ["is_name", "named", "ref"]

_KIND = re.compile(r"[a-z_]{1,40}")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")


def ref(kind: str, name: str) -> str:
    """Return the ref of something by its kind and its name, which must be well-formed."""
    return f"{kind}:{name}"


def named(kind: str, text: str) -> str | None:
    """Return the name in a ref of that kind; None unless the text is a well-formed ref of exactly that kind."""
    given, colon, name = text.partition(":")
    return name if colon and given == kind and _KIND.fullmatch(kind) and is_name(name) else None


def is_name(text: str) -> bool:
    """Tell whether a text can stand behind the colon of a ref."""
    return _NAME.fullmatch(text) is not None
