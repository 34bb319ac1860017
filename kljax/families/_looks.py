"""A look at parameters that are there to be looked at: what no distribution has is said, as ``kljax.ValueWarning``.

A Python number out of range raises where it is read; arrays are legal whatever they hold, since a batch may have a bad
member, whose results are NaN.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kljax import _checked, _checks, _values
from kljax.families._fields import Parameter

LARGEST_MATRIX = 128  # a factorisation costs its cube
LOOSE = 1e-3


def parameter(owner: str, name: str, limits: Parameter, value: Any) -> None:
    """Warns of entries out of range, of chances that do not sum to 1, of matrices that are not definite."""
    if not _limited(limits) or not hasattr(value, "dtype"):
        return
    if _values.in_traced_code(value):
        _checked.parameter(owner, name, limits, value)
        return
    found = _values.entries(value)
    if found is None or found.dtype.kind not in "fc" or found.ndim < limits.ndim:
        return
    wrong = _matrix(name, limits, found) if limits.matrix else _range(name, limits, found)
    if wrong is not None:
        _values.warn(f"{owner}: {wrong}")


def drawn(sample: Callable[..., Any]) -> Callable[..., Any]:
    """The method ``sample(key, shape)``, which says what a key and a shape are."""

    @functools.wraps(sample)
    def call(self: Any, key: Any, shape: tuple[int, ...] = ()) -> Any:
        _checks.key("key", key)
        if not isinstance(shape, (tuple, list)):
            advice = f", ({shape},)" if isinstance(shape, int) else ", as (3,)"
            raise TypeError(f"shape must be a tuple of integers{advice}; got {shape!r}.")
        return sample(self, key, tuple(shape))

    return call


def _limited(limits: Parameter) -> bool:
    return bool(limits.matrix) or limits.low > -math.inf or limits.high < math.inf


def _range(name: str, limits: Parameter, found: np.ndarray) -> str | None:
    least, most = found.item(found.argmin()), found.item(found.argmax())
    if math.isnan(least):
        return None  # on purpose, or said where it came from
    if limits.ndim == 1 and limits.high == 1.0 and least >= 0.0:
        loose = 2.0**-5 if found.dtype.itemsize < 4 else LOOSE
        if not (np.abs(found.sum(-1, dtype=np.float64) - 1.0) < loose).all():
            return f"{name} do not sum to 1, and are not normalised: divide by their sum, or pass logits."
        return None
    if limits.high < math.inf:
        if least < limits.low or most > limits.high:
            return f"{name} has entries outside [{limits.low:g}, {limits.high:g}], where results are NaN."
        return None
    if least > limits.low or (least == limits.low and not limits.open_low):
        return None
    if limits.open_low and limits.low == 0.0:
        return (
            f"{name} has entries that are not above 0, where results are NaN. If they are logarithms, such as a "
            f"network's log-scales, pass jnp.exp({name}); of log-variances, jnp.exp(0.5 * {name})."
        )
    return f"{name} has entries below {limits.low:g}, where results are NaN."


def _matrix(name: str, limits: Parameter, found: np.ndarray) -> str | None:
    if found.shape[-1] != found.shape[-2] or found.shape[-1] > LARGEST_MATRIX or not np.isfinite(found).all():
        return None  # said elsewhere, or NaN on purpose
    wide = found if found.dtype.itemsize >= 4 else found.astype(np.float32)
    if limits.matrix == "lower":
        diagonal = np.diagonal(wide, axis1=-2, axis2=-1)
        if np.triu(wide, 1).any():
            return (
                f"{name} has entries above the diagonal, which a Cholesky factor has not, and which are not looked at. "
                "Of a covariance call from_covariance where there is one, or pass jnp.linalg.cholesky of it."
            )
        return None if (diagonal > 0.0).all() else f"{name} has a diagonal that is not positive, where results are NaN."
    try:
        np.linalg.cholesky(0.5 * (wide + np.conj(np.swapaxes(wide, -1, -2))))
    except np.linalg.LinAlgError:
        return (
            f"{name} is not positive definite, and results are NaN. A covariance that was estimated from few data may "
            "only just miss it: add a little to its diagonal, as 1e-6 * jnp.eye(n)."
        )
    return None
