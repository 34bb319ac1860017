"""Derivatives of draws through the distribution function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def implicit(x: jax.Array, record: Any, cdf: Callable[[jax.Array, Any], jax.Array]) -> jax.Array:
    """The draws x themselves, with the first derivatives dx/dθ = -(∂F/∂θ)/(∂F/∂x) of F(x; θ) = const.

    Figurnov, Mohamed & Mnih (2018), "Implicit reparameterization gradients", eq. (2).
    """
    x = jax.lax.stop_gradient(x)
    density = jax.lax.stop_gradient(jnp.exp(record.log_prob(x)))
    level = cdf(x, record)
    moved = level - jax.lax.stop_gradient(level)
    return x - jnp.where(density > 0.0, moved / jnp.where(density > 0.0, density, 1.0), 0.0)
