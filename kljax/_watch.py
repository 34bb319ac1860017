"""``kljax.checked``: values are looked at on request, in traced code too."""

from __future__ import annotations

import contextvars
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from jax.experimental import checkify

from kljax import _values

R = TypeVar("R")


class checked:  # noqa: N801
    """Values are looked at: ``with kljax.checked():`` eager ones of any size, ``@kljax.checked()`` traced ones too.

    An eager call looks at its operands by itself, unless they are large (above a million entries) or on an accelerator;
    within the context it looks at these as well, and warns. A decorated function is checked throughout, under ``jit``
    and other transformations in it as well, by ``jax.experimental.checkify``: what would be a warning raises. Then
    the function runs on the device as before, with the checks compiled in.

    Decorate a function before it is jitted: what has been compiled already stays unchecked.

    Raises:
        ValueError: In a decorated function, if rows of probabilities do not sum to 1 or have negative or NaN entries,
            or if logits look like probabilities.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> import kljax
        >>> @kljax.checked()
        ... @jax.jit
        ... def loss(p, q):
        ...     return kljax.probs.kl(p, q)
        >>> try:
        ...     loss(jnp.array([3.0, 1.0]), jnp.array([0.5, 0.5]))
        ... except ValueError as error:
        ...     print(str(error)[:34])
        the rows of p do not sum to 1. Nor
    """

    def __init__(self) -> None:
        self._tokens: list[contextvars.Token[str]] = []

    def __enter__(self) -> checked:
        """Within it eager calls look at operands of any size."""
        self._tokens.append(_values.asked("eager"))
        return self

    def __exit__(self, *_: Any) -> None:
        """As before."""
        _values.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., R]) -> Callable[..., R]:
        """The function, checked throughout."""
        # A jitted function may have been compiled without checks: what it wraps is traced anew.
        plain = getattr(function, "__wrapped__", function)

        def traced(*args: Any, **kwargs: Any) -> R:
            token = _values.asked("traced")
            try:
                return plain(*args, **kwargs)
            finally:
                _values.reset(token)

        watched = jax.jit(checkify.checkify(traced, errors=checkify.user_checks))

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> R:
            error, value = watched(*args, **kwargs)
            found = error.get()
            if found is not None:
                raise ValueError(found.partition(" (`check` failed)")[0])
            return value

        return call
