"""What a person reads on the page of an error, where the catalogue speaks to those who program or run this server."""

from collections.abc import Mapping

from ostiary.kernel.refusals import Code

__all__ = ["REMEDIES", "lacking"]

REMEDIES: dict[Code, str] = {
    Code.REQUEST_MALFORMED: "Go back to where you came from and try again.",
    Code.METHOD_NOT_ALLOWED: "Begin at the start page.",
    Code.PURPOSE_UNKNOWN: "Tell whoever runs the service that sent you here.",
}


def lacking(query: Mapping[str, str], *needed: str) -> str:
    """Say what a link lacks, "" where it lacks nothing; names of fields stand between backticks."""
    missing = [f"`{name}`" for name in needed if not query.get(name)]
    return f"The link that led here lacks {' and '.join(missing)}." if missing else ""
