"""How the log is written: one line an event, logfmt or JSON, to standard error; the libraries' lines likewise."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from ges_exporter.errors import printable

LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json")

_KEYS = ["ts", "level", "msg", "project"]


def configure(level: str, style: str) -> None:
    """Set up logging for the whole process.

    Args:
        level: the least level to write, one of LEVELS.
        style: one of FORMATS.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.EventRenamer("msg"),
    ]
    renderer: Any = structlog.processors.LogfmtRenderer(key_order=_KEYS, drop_missing=True)
    if style == "json":
        renderer = structlog.processors.JSONRenderer(ensure_ascii=False)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _without_traceback, renderer],
            foreign_pre_chain=shared,
        )
    )
    # The libraries speak of each connection, and of each client that sends nonsense: only their errors are of use here.
    logging.basicConfig(level=logging.ERROR, handlers=[handler], force=True)


def _without_traceback(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name an exception instead of showing where it was raised: a traceback is not one line, and shows values."""
    error = event.pop("exc_info", None)
    if isinstance(error, tuple) and error[0] is not None:
        event["error"] = error[0].__name__
    event["msg"] = printable(event.get("msg", ""))
    return event
