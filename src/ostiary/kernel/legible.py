"""Texts read off a screen: whether people see all that stands there, and how to show what they would not see."""

__all__ = ["escaped", "readable", "visible"]

_HARMLESS = dict.fromkeys((0x200C, 0x200D)) | dict.fromkeys((0xA0, 0x202F), " ")
"""Zero-width joiners are spelling in many languages, and so are spaces at which no line ends."""


def readable(text: str) -> bool:
    """Tell whether people see all that stands there, on one line and in its order: nothing controls, nothing hides."""
    return text.translate(_HARMLESS).isprintable()


def visible(text: str) -> bool:
    """Tell whether something stands there, and people see all of it."""
    return readable(text) and bool(text.translate(_HARMLESS).strip())


def escaped(text: str) -> str:
    """Return the text with the number of each character in it that a terminal would obey, or that nobody would see."""
    if readable(text):
        return text
    return "".join(one if readable(one) else one.encode("unicode_escape").decode() for one in text)
