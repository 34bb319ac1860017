"""Log-densities of the reference posteriors, in the coordinates in which their normalising constants are known.

Each takes the data of one entry of ``posteriors.json`` (Stan's posteriordb, with log Z by bridge sampling); the file is
not a part of this project, and what needs it says so where it is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

# KL(q‖p) in nats of the best full-rank Gaussian known to those who made the file.
BEST = {"eight_nc": 0.23, "eight_c": 1.259, "arK": 0.0152, "mesquite": 0.0902, "sblrc": 0.0298, "gaussmix": 0.0041}

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


def normal(x: Any, loc: Any, scale: Any) -> Any:
    """log N(x; loc, scale)"""
    return -0.5 * jnp.square((x - loc) / scale) - jnp.log(scale) - _HALF_LOG_2PI


def unit(x: Any, scale: float) -> Any:
    """log N(x; 0, scale) with a number for a scale"""
    return -0.5 * jnp.square(x / scale) - (math.log(scale) + _HALF_LOG_2PI)


def cauchy(x: Any, scale: float) -> Any:
    """log Cauchy(x; 0, scale)"""
    return -jnp.log1p(jnp.square(x / scale)) - math.log(math.pi * scale)


def _array(values: Any) -> np.ndarray:
    return np.asarray(values, np.float32)


def _eight_schools(data: dict[str, Any], *, centred: bool) -> Callable[[jax.Array], jax.Array]:
    y, sigma = _array(data["y"]), _array(data["sigma"])

    def log_density(v: jax.Array) -> jax.Array:
        effects, mean, log_scale = v[:8], v[8], v[9]
        scale = jnp.exp(log_scale)
        prior = unit(mean, 5.0) + cauchy(scale, 5.0) + log_scale
        if centred:
            return prior + normal(effects, mean, scale).sum() + normal(y, effects, sigma).sum()
        return prior + unit(effects, 1.0).sum() + normal(y, mean + scale * effects, sigma).sum()

    return log_density


def _autoregression(data: dict[str, Any]) -> Callable[[jax.Array], jax.Array]:
    y, order = _array(data["y"]), data["K"]
    lags = np.stack([y[order - k : len(y) - k] for k in range(1, order + 1)], 1)

    def log_density(v: jax.Array) -> jax.Array:
        scale = jnp.exp(v[-1])
        mean = v[0] + lags @ v[1:-1]
        prior = unit(v[:-1], 10.0).sum() + cauchy(scale, 2.5) + v[-1]
        return prior + normal(y[order:], mean, scale).sum()

    return log_density


def _mesquite(data: dict[str, Any]) -> Callable[[jax.Array], jax.Array]:
    columns = ("diam1", "diam2", "canopy_height", "total_height", "density", "group")
    weight = _array(data["weight"])
    design = np.stack([np.ones_like(weight), *(_array(data[name]) for name in columns)], 1)

    def log_density(v: jax.Array) -> jax.Array:
        return v[-1] + normal(weight, design @ v[:-1], jnp.exp(v[-1])).sum()

    return log_density


def _regression(data: dict[str, Any]) -> Callable[[jax.Array], jax.Array]:
    y, design = _array(data["y"]), _array(data["X"])

    def log_density(v: jax.Array) -> jax.Array:
        scale = jnp.exp(v[-1])
        return unit(v[:-1], 10.0).sum() + unit(scale, 10.0) + v[-1] + normal(y, design @ v[:-1], scale).sum()

    return log_density


def _mixture(data: dict[str, Any]) -> Callable[[jax.Array], jax.Array]:
    y = _array(data["y"])

    def log_density(v: jax.Array) -> jax.Array:
        low, gap, log_scales, odds = v[0], v[1], v[2:4], v[4]
        high = low + jnp.exp(gap)
        scales = jnp.exp(log_scales)
        first, second = jax.nn.log_sigmoid(odds), jax.nn.log_sigmoid(-odds)
        likelihood = jnp.logaddexp(first + normal(y, low, scales[0]), second + normal(y, high, scales[1])).sum()
        prior = unit(scales, 2.0).sum() + unit(low, 2.0) + unit(high, 2.0) + 4.0 * (first + second)
        return likelihood + prior + gap + log_scales.sum() + first + second

    return log_density


def make(name: str, data: dict[str, Any]) -> Callable[[jax.Array], jax.Array]:
    """The log-density of one unconstrained vector, by the name of the posterior."""
    if name in ("eight_nc", "eight_c"):
        return _eight_schools(data, centred=name == "eight_c")
    return {"arK": _autoregression, "mesquite": _mesquite, "sblrc": _regression, "gaussmix": _mixture}[name](data)
