"""Log lines: JSON on standard error, or columns when a person is looking. Other libraries' loggers come along."""

from __future__ import annotations

import logging
import sys

import structlog

# Without the frames' local variables: those hold tokens, passwords and whole documents.
_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False, max_frames=20)
)


def configure_logging(level: str) -> None:
    """`level`: debug, info, warn, warning or error."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    ]
    for_people = sys.stderr.isatty()
    ending: list[structlog.types.Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                event_key="msg", timestamp_key="time", exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if for_people
        else [_TRACEBACKS, structlog.processors.JSONRenderer()]
    )
    renamed = structlog.processors.EventRenamer("msg")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renamed, *ending],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING" if level == "warn" else level.upper())
    # What they tell is told here already, or, as the addresses that are fetched from, may hold a secret.
    for chatty in ("alembic", "uvicorn", "httpx", "httpcore", "git"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
