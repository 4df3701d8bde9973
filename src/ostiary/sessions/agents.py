"""A coarse label from a user agent, so that a person recognises a device: "Firefox on Linux". Never kept raw."""

__all__ = ["agent_label"]

_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
)
_BROWSERS_LATER = (("Chrome/", "Chrome"), ("Chromium/", "Chromium"), ("Safari/", "Safari"), ("curl/", "curl"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def agent_label(agent: str) -> str:
    """Return browser and system in plain words; "Unknown browser" where neither is known."""
    browser = _first(agent, _BROWSERS) or _first(agent, _BROWSERS_LATER)
    system = _first(agent, _SYSTEMS)
    if not browser and not system:
        return "Unknown browser"
    return f"{browser or 'Unknown browser'} on {system}" if system else browser


def _first(agent: str, table: tuple[tuple[str, str], ...]) -> str:
    return next((name for mark, name in table if mark in agent), "")
