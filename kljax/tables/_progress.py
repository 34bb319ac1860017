"""Who is told how far a long reading has come: nobody, unless a caller listens."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator

Listener = Callable[[str, float], None]
_listener: contextvars.ContextVar[Listener | None] = contextvars.ContextVar("listener", default=None)


@contextlib.contextmanager
def heard_by(listener: Listener | None) -> Iterator[None]:
    """Within it ``listener(what, fraction)`` is called now and then, with a fraction from 0 to 1."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(what: str, fraction: float) -> None:
    """Says that of ``what`` so much is done."""
    listener = _listener.get()
    if listener is not None:
        listener(what, min(max(fraction, 0.0), 1.0))
