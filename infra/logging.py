"""Log lines: one JSON object a line (or plain text on a terminal), without secrets or user text.

`configure` is called once by each `__main__`; the standard library's loggers (Faust, uvicorn, drivers) go the
same way. Fields whose names say that they hold a secret or what a person wrote are withheld here, so that a
careless call elsewhere cannot leak them.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

WITHHELD_FIELDS = frozenset(
    {
        "api_key",
        "authorization",
        "content",
        "cookie",
        "delta",
        "key",
        "messages",
        "password",
        "prompt",
        "secret",
    }
    | {"text", "token"}
)
WITHHELD = "[withheld]"


def withhold(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the values of WITHHELD_FIELDS. A structlog processor."""
    for field in WITHHELD_FIELDS & event.keys():
        event[field] = WITHHELD
    return event


def configure(process: str, level: str = "info", stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (default stderr), each with `process` in it.

    `level` is debug, info, warning or error. JSON when the stream is no terminal. May be called again.
    """
    output = sys.stderr if stream is None else stream
    stamp: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        withhold,
    ]
    last: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if output.isatty()
        else structlog.processors.JSONRenderer()
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=stamp,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                last,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*stamp, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for a module; `name` is its `__name__`."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger
