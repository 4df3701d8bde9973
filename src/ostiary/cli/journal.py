"""The journal: what the program logs, as JSON lines on standard error, so that standard output holds answers alone."""

import logging
import sys
from contextlib import suppress

import structlog

__all__ = ["log_to_stderr"]


def log_to_stderr(least: int = logging.INFO) -> None:
    """Write one JSON line per log entry of that level (as `logging` numbers it) or worse; none per request or check."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=lambda *_: _Patient(sys.stderr),
    )


class _Patient(structlog.PrintLogger):
    """Drops a line that cannot be written: a full disk under the log must not turn a 503 into a 500."""

    def msg(self, message: str) -> None:
        """Write one line, if it can be written."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg
