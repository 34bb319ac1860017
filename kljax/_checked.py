"""The sentences of ``_values`` for operands that are traced: checks of ``jax.experimental.checkify``."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental import checkify

LOOSE = 1e-3


def _rows(value: jax.Array, where: Any, axis: Any) -> tuple[jax.Array, Any, float]:
    axes = axis if isinstance(axis, tuple) else (axis,)
    loose = 2.0**-5 if value.dtype.itemsize < 4 else LOOSE
    wide = value.astype(jnp.float32) if value.dtype.itemsize < 4 else value
    return wide if where is None else jnp.where(where, wide, 0.0), axes, loose


def probabilities(name: str, value: Any, where: Any, axis: Any) -> None:
    """Checks that rows are probabilities; a row of zeros is a padded one."""
    rows, axes, loose = _rows(jnp.asarray(value), where, axis)
    sums = rows.sum(axes)
    checkify.check(jnp.all(rows >= 0.0), f"{name} has negative or NaN entries, which no probability has.")
    fits = (jnp.abs(sums - 1.0) <= loose) | ((sums == 0.0) & jnp.any(sums != 0.0))
    checkify.check(
        jnp.all(fits), f"the rows of {name} do not sum to 1. Normalise them, or say measure=True if measures are meant."
    )


def logits(names: tuple[str, ...], operands: Any, where: Any, axis: Any) -> None:
    """Checks that rows do not look like probabilities."""
    looks = []
    for value in operands:
        rows, axes, loose = _rows(jnp.asarray(value), where, axis)
        inside = (rows >= 0.0) & (rows <= 1.0)
        shares = jnp.any((rows > 0.0) & (rows < 1.0))
        looks.append(jnp.all(inside) & shares & jnp.all(jnp.abs(rows.sum(axes) - 1.0) < loose))
    checkify.check(
        ~jnp.stack(looks).all(),
        f"the rows of {' and '.join(names)} lie in [0, 1] and sum to 1, as probabilities do, and logits are wanted.",
    )


def parameter(owner: str, name: str, limits: Any, value: jax.Array) -> None:
    """Checks that a parameter of a distribution lies where it may, and that a matrix is positive definite."""
    if limits.matrix:
        lower = value if limits.matrix == "lower" else jax.lax.linalg.cholesky(value)
        diagonal = jnp.real(jnp.diagonal(lower, axis1=-2, axis2=-1))
        checkify.check(jnp.all(diagonal > 0.0), f"{owner}: {name} is not positive definite.")
        return
    above = value > limits.low if limits.open_low and limits.low > -jnp.inf else value >= limits.low
    below = value < limits.high if limits.open_high and limits.high < jnp.inf else value <= limits.high
    checkify.check(
        jnp.all(above & below), f"{owner}: {name} has entries outside [{limits.low:g}, {limits.high:g}] or NaN."
    )
