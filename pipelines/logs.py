"""Logs of a run: ebb's own lines are structured and hold no value; engines' texts are not printed."""

from __future__ import annotations

import logging
import os
import sys

import structlog


def set_up_logs() -> None:
    """Send ebb's log to standard error, and nothing of anybody else's.

    Call it before Apache Beam is imported, which logs while it is imported. Beam quotes exceptions, and exceptions
    of libraries quote values; what a user needs to know of a failure, the command itself says at its end.
    """
    os.environ.pop("GOOGLE_SDK_PYTHON_LOGGING_SCOPE", None)  # prints whole messages, wherever logging goes
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"]),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
